"""Models of PyTorch for the tests of estimators, and a process that uses one that was saved."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

Adam = partial(torch.optim.Adam, lr=0.1)
Halving = partial(torch.optim.lr_scheduler.StepLR, step_size=20, gamma=0.5)
DTYPES = [
    torch.bool,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.float32,
    torch.float64,
]


class OfEachType(nn.Module):
    """A number of seven columns, each of which has to come in the type of its column."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(len(DTYPES), 1)
        self.register_buffer("ballast", torch.arange(1_000_000, dtype=torch.float32))  # of several rows

    def forward(self, *columns: Tensor) -> Tensor:
        assert [column.dtype for column in columns] == DTYPES
        answers: Tensor = self.line(torch.stack([column.float() for column in columns], 1))
        return answers


class OfThree(nn.Module):
    """A number of a group ``(rows, 2)``, a column ``(rows,)`` and an array ``(rows, 3)``."""

    def __init__(self) -> None:
        super().__init__()
        self.of_group, self.of_column, self.of_array = nn.Linear(2, 1), nn.Linear(1, 1), nn.Linear(3, 1)

    def forward(self, group: Tensor, column: Tensor, array: Tensor) -> Tensor:
        answers: Tensor = self.of_group(group) + self.of_column(column.unsqueeze(1)) + self.of_array(array)
        return answers.squeeze(1)


def transformed(name: str, path: str, rows: list[list[Any]], columns: dict[str, str]) -> list[list[Any]]:
    """What the model at `path` makes of `rows`, columns by name and type in SQL."""
    from pyflink.datastream import StreamExecutionEnvironment  # noqa: PLC0415 - not where models train
    from pyflink.table import StreamTableEnvironment  # noqa: PLC0415

    from ml_framework.runner.entrypoint import resolve  # noqa: PLC0415

    model = resolve(name).load(path)
    env = StreamExecutionEnvironment.get_execution_environment()
    env.set_parallelism(1)
    tables = StreamTableEnvironment.create(env)
    tables.create_temporary_view("given", tables.from_elements([tuple(row) for row in rows], [*columns]))
    casts = ", ".join(f"CAST(`{column}` AS {kind}) AS `{column}`" for column, kind in columns.items())
    with model.transform(tables.sql_query(f"SELECT {casts} FROM given")).execute().collect() as found:
        return [list(row) for row in found]


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    print("\n" + json.dumps(transformed(**asked)))
