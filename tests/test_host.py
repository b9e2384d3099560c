"""Where a process listens, and where the others reach it."""

from __future__ import annotations

import pytest

from ml_framework.errors import PlanError
from ml_framework.host import Host, host_of, split_address


@pytest.mark.parametrize(
    ("host", "listening", "reached"),
    [
        (Host("10.0.0.1"), "10.0.0.1:5", "10.0.0.1:5"),
        (Host("worker-1", "0.0.0.0"), "0.0.0.0:5", "worker-1:5"),
        (Host("fd00::1"), "[fd00::1]:5", "[fd00::1]:5"),
        (Host("[fd00::1]", "::"), "[::]:5", "[fd00::1]:5"),
    ],
)
def test_a_host_is_bound_and_advertised(host: Host, listening: str, reached: str) -> None:
    """IPv6 addresses are written in brackets in front of a port, whether they came in brackets or not."""
    assert (host.listening_at(5), host.reached_at(5)) == (listening, reached)
    assert not host.bound.startswith("[")


def test_an_address_is_read_as_it_was_written() -> None:
    """An IPv6 address is compared with its brackets, and connected to without."""
    assert (host_of("worker-1:5"), split_address("worker-1:5")) == ("worker-1", ("worker-1", 5))
    assert (host_of("[fd00::1]:5"), split_address("[fd00::1]:5")) == ("[fd00::1]", ("fd00::1", 5))


@pytest.mark.parametrize("nowhere", ["0.0.0.0", "::", ""])
def test_nobody_can_be_told_to_connect_to_all_addresses(nowhere: str) -> None:
    with pytest.raises(PlanError, match=f"announces '{nowhere}', .* set taskmanager.host or mlonflink.adv"):
        Host(nowhere)


def test_a_host_that_cannot_listen_says_which_option_to_change() -> None:
    """It is the one that the address came from."""
    error = OSError("Cannot assign requested address")
    explicit = Host("10.0.0.1", "10.9.9.9").cannot_listen(error)
    assert explicit.startswith("cannot listen on 10.9.9.9: Cannot assign requested address")
    assert "mlonflink.bind-host" in explicit
    assert "taskmanager.host" not in explicit
    announced = Host("10.9.9.9").cannot_listen(error)
    assert announced.startswith("cannot listen on 10.9.9.9: ")
    assert "taskmanager.host or mlonflink.advertised-host" in announced
