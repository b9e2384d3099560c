"""The comparison of two trees compares what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import metrics

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_trees_take_turns_and_the_median_of_pairs_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes first changes from pair to pair; the CPU time of all processes is added up."""
    order = []
    costs = iter([110.0, 100.0, 100.0, 104.0, 300.0, 100.0])

    def run(tree: Path, *_: object) -> dict[str, float]:
        order.append("with" if tree == metrics.ROOT else "without")
        half = next(costs) / 2
        return {"jvm": half, "user": half}

    monkeypatch.setattr(metrics, "run", run)
    monkeypatch.setattr(metrics, "checked_out", lambda _commit, folder: folder)
    found = metrics.compare("a commit", 3, "criteo", 1)
    assert order == ["with", "without", "without", "with", "with", "without"]
    assert found["ratios"] == [1.1, 1.04, 3.0]
    assert found["median_cpu_ns_per_row"] == {"with": 110.0, "without": 100.0}
    assert (found["ratio"], found["met"]) == (1.1, False)
