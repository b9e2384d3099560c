"""Numbers from user code: coalesced, sent soon, refused when they are none."""

from __future__ import annotations

import queue
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml_framework.context.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

Reports = queue.Queue[dict[str, float]]


@pytest.fixture
def reports() -> Reports:
    return queue.Queue()


@pytest.fixture
def metrics(reports: Reports) -> Iterator[Metrics]:
    """Metrics that report once, and again only when they are closed."""
    metrics = Metrics(lambda report: reports.put(dict(report)), timedelta(hours=1))
    yield metrics
    metrics.close()


def test_the_first_number_is_reported_at_once_and_later_ones_are_coalesced(
    metrics: Metrics, reports: Reports
) -> None:
    """Within the interval only the last value of each name is kept; closing reports it."""
    metrics.log(loss=1.0)
    assert reports.get(timeout=10) == {"loss": 1.0}
    for step in range(1000):
        metrics.log(loss=step, step=step)
    metrics.log(accuracy=0.5)
    assert reports.empty()
    metrics.close()
    assert reports.get_nowait() == {"loss": 999.0, "step": 999.0, "accuracy": 0.5}
    assert reports.empty()


def test_numbers_follow_when_the_interval_has_passed(reports: Reports) -> None:
    """A quiet name does not come again."""
    metrics = Metrics(lambda report: reports.put(dict(report)), timedelta(milliseconds=1))
    metrics.log(a=1)
    assert reports.get(timeout=10) == {"a": 1.0}
    metrics.log(b=2)
    assert reports.get(timeout=10) == {"b": 2.0}
    metrics.close()


@pytest.mark.parametrize("value", [True, 1, 1.0, np.float32(1), np.array(1), np.ones((1, 1)), np.bool_(1)])
def test_whatever_is_one_number_is_taken(metrics: Metrics, reports: Reports, value: Any) -> None:
    """Scalars of Python and numpy, and arrays of one element."""
    metrics.log(x=value)
    assert reports.get(timeout=10) == {"x": 1.0}


@pytest.mark.parametrize("value", ["1", None, [1.0], np.ones(2), 1j, np.str_("1")])
def test_what_is_no_number_is_refused(metrics: Metrics, reports: Reports, value: Any) -> None:
    """The error names the metric, and nothing of that call is kept."""
    with pytest.raises(TypeError, match="'loss'"):
        metrics.log(step=1, loss=value)
    metrics.close()
    assert reports.empty()
