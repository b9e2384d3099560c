"""Configuration is refused where it is made, with the name, the value and the bound."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ml_framework.byte_queue.layout import MAX_CAPACITY, MIN_CAPACITY
from ml_framework.config import JobConfig, RestartPolicy, Timeouts
from ml_framework.errors import PlanError

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("kind", "options", "complaint"),
    [
        (Timeouts, {"step": timedelta(0)}, r"Timeouts\.step is 0:00:00, it must be positive"),
        (Timeouts, {"step": 5}, r"Timeouts\.step is 5, it must be a timedelta"),
        (RestartPolicy, {"budget": -1}, r"RestartPolicy\.budget is -1, it must be 0 or more"),
        (RestartPolicy, {"scope": "some"}, r"RestartPolicy\.scope is 'some', it must be 'all' or 'failed'"),
        (RestartPolicy, {"backoff": -SECOND}, r"RestartPolicy\.backoff is -1 day, 23:59:59, it must be zero"),
        (
            RestartPolicy,
            {"max_backoff": -SECOND},
            r"RestartPolicy\.max_backoff is -1 day, .* zero or more",
        ),
        (RestartPolicy, {"max_backoff": 10}, r"RestartPolicy\.max_backoff is 10, it must be a timedelta"),
        (
            JobConfig,
            {"queue_bytes": 5000},
            r"JobConfig\.queue_bytes is 5000, it must be a power of two",
        ),
        (JobConfig, {"queue_bytes": MIN_CAPACITY // 2}, r"queue_bytes is 2048, .*, 4096 to 1073741824$"),
        (JobConfig, {"queue_bytes": MAX_CAPACITY * 2}, r"queue_bytes is 2147483648, .*, 4096 to 1073741824$"),
        (JobConfig, {"log_bytes": 1000}, r"JobConfig\.log_bytes is 1000, it must be at least 65536"),
        (JobConfig, {"env": ["A"]}, r"JobConfig\.env is \['A'\], it must be a mapping of names to text"),
        (JobConfig, {"env": {"A": 4}}, r"JobConfig\.env: A is 4, it must be text, as in A='4'"),
        (JobConfig, {"env": {"A": "a\0b"}}, r"JobConfig\.env: A is 'a\\x00b', it must be text"),
        (JobConfig, {"env": {"A=B": "4"}}, r"JobConfig\.env: 'A=B' is no name of a variable"),
        (JobConfig, {"log_dir": 3}, r"JobConfig\.log_dir is 3, it must be the path of a folder"),
    ],
)
def test_a_value_that_cannot_be_is_refused(kind: Any, options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(PlanError, match=complaint):
        kind(**options)


@pytest.mark.parametrize("size", [MIN_CAPACITY, MAX_CAPACITY])
def test_every_queue_that_can_be_made_can_be_asked_for(size: int) -> None:
    assert JobConfig(queue_bytes=size).queue_bytes == size


def test_the_folder_of_logs_may_be_a_path() -> None:
    assert JobConfig(log_dir=Path("logs")).log_dir == "logs"
    assert JobConfig(log_dir="/var/log/ml").log_dir == "/var/log/ml"
    assert JobConfig().log_dir is None


def test_a_restart_may_come_at_once() -> None:
    assert RestartPolicy(backoff=timedelta(0)).delay(3) == timedelta(0)
    assert RestartPolicy(max_backoff=timedelta(0)).delay(3) == timedelta(0)
    assert RestartPolicy(backoff=SECOND, max_backoff=5 * SECOND).delay(2) == 4 * SECOND
    assert RestartPolicy(backoff=SECOND, max_backoff=5 * SECOND).delay(3) == 5 * SECOND
