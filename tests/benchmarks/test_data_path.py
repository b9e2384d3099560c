"""The benchmark measures what it says: its contenders see the rows whose sums it knows."""

from __future__ import annotations

import pytest

from benchmarks.contenders import COLUMNS, CONTENDERS, GENERATOR, GROUPS, PANDAS, Contender
from benchmarks.measure import Bench, rate
from benchmarks.rows import BIGINT, CRITEO, PERIOD, Shape
from benchmarks.targets import judge

ROWS = 60_000  # many frames, so that there is a slope


@pytest.fixture(scope="module")
def bench(gateway: None, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


def contender(name: str, way: str) -> Contender:
    return next(c for c in CONTENDERS if (c.name, c.shape) == (name, CRITEO) and way in c.ways)


def test_the_truth_of_the_sums() -> None:
    """A part of a round of the rows and several rounds add up as the rows do one by one."""
    values = [(31 * index) % 1000 for index in range(PERIOD)]
    assert BIGINT.total(10) == sum(values[:10])
    assert BIGINT.total(2 * PERIOD + 10) == 2 * sum(values) + sum(values[:10])


@pytest.mark.flink
@pytest.mark.parametrize("way", ["one way", "there and back"])
def test_the_sums_of_our_worker_agree(bench: Bench, way: str) -> None:
    """Every value arrives, every answer comes back in its place, and the slope is one."""
    result = rate(bench, contender(GROUPS, way), ROWS)
    assert result.receipt["rows"] == ROWS
    assert result.rows_per_s > 0


@pytest.mark.flink
def test_a_wrong_sum_ends_the_benchmark(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shape, "total", lambda shape, rows: -1.0)
    with pytest.raises(ValueError, match="add up to -1"):
        rate(bench, contender(GENERATOR, "one way"), ROWS)


def test_targets_are_judged_by_the_best_of_our_layouts() -> None:
    speeds = {COLUMNS: 100.0, GROUPS: 300.0, PANDAS: 20.0}
    found = {
        "rates": [
            {"rows": CRITEO.name, "contender": name, "ways": ("one way",), "rows_per_s": speed}
            for name, speed in speeds.items()
        ],
        "latency": [{"p50_us": 200.0, "p99_us": 20_000.0}],
        "encoding_ns": {"columns": 50.0, "groups": 40.0},
        "training": {"ratio": 0.9},
        "memory": {"growth": {"jvm": 0.01, "user": 0.07}},
    }
    judged = {target["target"]: (target["measured"], target["met"]) for target in judge(found)}
    assert judged == {
        "Criteo, one way, ours / pandas UDF": (15.0, True),
        "encoding on the JVM, worst layout": (50.0, True),
        "latency p50, max_delay=0": (200.0, True),
        "latency p99, max_delay=0": (20_000.0, False),
        "training, fed from Flink / from memory": (0.9, True),
        "memory growth, worst process": (pytest.approx(7.0), False),
    }
