"""Where the processes of a job listen, and are reached, as the TaskManager's configuration says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.flink import make_flink, program

from ml_operator import JobFailed

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.flink


def test_the_options_say_where_to_listen_and_what_to_tell(tmp_path: Path) -> None:
    """AM and node are reached at an address by which nobody knew the TaskManager."""
    flink = make_flink(mlonflink__advertised_host="127.0.0.2", mlonflink__bind_host="0.0.0.0")
    flink.job.add_role("worker", runner=program("tell_address", folder=str(tmp_path)))
    flink.run()
    host, bind_host = (tmp_path / "address").read_text().split()
    assert (host, bind_host) == ("127.0.0.2", "0.0.0.0")


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"bind": "192.0.2.7"}, "cannot listen on 192.0.2.7: .* That is mlonflink.bind-host: set it to"),
        ({"advertised": "192.0.2.7"}, "cannot listen on 192.0.2.7: .* set taskmanager.host or mlonflink.adv"),
        ({"advertised": "0.0.0.0"}, "announces '0.0.0.0', to which nobody can connect: set taskmanager.host"),
    ],
    ids=["bound", "advertised", "everywhere"],
)
def test_a_wrong_address_ends_the_job_with_the_option_to_change(options: dict[str, str], cause: str) -> None:
    flink = make_flink(**{f"mlonflink__{which}_host": host for which, host in options.items()})
    flink.job.add_role("worker", runner=program("tell_address", folder=""))
    with pytest.raises(JobFailed, match=cause):
        flink.run()
