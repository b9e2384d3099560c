"""PyTorch inside a Flink job."""

from __future__ import annotations

import pytest
from pyflink.table import DataTypes
from support.flink import PROGRAMS, Flink, collect

from torch_integration import TorchRunner

pytestmark = pytest.mark.flink


def test_a_gloo_group_of_three_gathers_every_rank(flink: Flink) -> None:
    """Every rank of a role sees every other one; rank and world size are those of the role."""
    table = flink.job.add_role(
        "worker",
        runner=TorchRunner("torch_programs:gather", python_path=(PROGRAMS,)),
        parallelism=3,
        output=[("rank", DataTypes.INT()), ("seen", DataTypes.ARRAY(DataTypes.BIGINT()))],
    )
    assert sorted(collect(table)) == [(rank, [0, 1, 2]) for rank in range(3)]


def test_uneven_streams_train_on_every_row(flink: Flink) -> None:
    """One key, so that one of two workers gets all rows: both take every step, and every row is answered."""
    count = 500
    rows = flink.rows(
        {"key": DataTypes.STRING(), "x": DataTypes.BIGINT()}, [("same", x) for x in range(count)]
    )
    table = flink.job.add_role(
        "worker",
        runner=TorchRunner("torch_programs:count_steps", python_path=(PROGRAMS,)),
        parallelism=2,
        input=rows,
        partition_by="key",
        output=[
            ("x", DataTypes.BIGINT()),
            ("global_rows", DataTypes.BIGINT()),
            ("all_steps", DataTypes.BIGINT()),
        ],
    )
    answers = collect(table)
    assert sorted(x for x, *_ in answers if x >= 0) == list(range(count))
    ends = [(rows, steps) for x, rows, steps in answers if x < 0]
    assert len(ends) == 2
    assert ends[0] == ends[1]
    assert ends[0][0] == count
