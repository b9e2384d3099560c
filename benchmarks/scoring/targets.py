"""What scoring a stream is held to, and what each target compares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.contenders import MAP, PANDAS
from benchmarks.scoring.contenders import BARE, HTTP, OURS, SQL
from benchmarks.scoring.models import FLIGHTS, HEAVIER
from benchmarks.targets import judged

if TYPE_CHECKING:
    from collections.abc import Mapping


def judge(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each target: what is wanted, what was measured, whether it is met. It is all about the demo's model."""
    models = found["models"]
    rates = by_contender(models[FLIGHTS]["rates"], "rows_per_s")
    p99 = by_contender(models[FLIGHTS]["latency"], "p99_us")
    return judged(
        [
            ("rows/s, ours / process-mode map", ">=", 10, rates[OURS] / rates[MAP], "x"),
            ("rows/s, ours / pandas UDF", ">=", 3, rates[OURS] / rates[PANDAS], "x"),
            ("rows/s, ours / bare loop", ">=", 0.7, rates[OURS] / rates[BARE], "x"),
            ("rows/s, ML_PREDICT / our inference", ">=", 0.5, rates[SQL] / rates[OURS], "x"),
            ("rows/s, ML_PREDICT / HTTP call per row", ">=", 20, rates[SQL] / rates[HTTP], "x"),
            ("p99 at 1,000 rows/s", "<=", 10_000, p99[OURS], "us"),
            ("p99 at 1,000 rows/s, ours / pandas UDF", "<=", 0.1, p99[OURS] / p99[PANDAS], "x"),
        ]
    )


def figures(found: Mapping[str, Any]) -> dict[str, str]:
    """What there is no target for."""
    models = found["models"]
    bare = {model: by_contender(models[model]["rates"], "rows_per_s")[BARE] for model in models}
    rates = by_contender(models[FLIGHTS]["rates"], "rows_per_s")
    ours = next(one for one in models[FLIGHTS]["latency"] if one["contender"] == OURS)
    return {
        f"bare cost of a row, {HEAVIER} / {FLIGHTS}": f"{bare[FLIGHTS] / bare[HEAVIER]:.1f} x",
        "rows/s, ours / HTTP call per row": f"{rates[OURS] / rates[HTTP]:.1f} x",
        "p50 at 1,000 rows/s (aim: 150 us)": f"{ours['p50_us']:,.0f} us",
        "p99 at 1,000 rows/s (aim: 1 ms)": f"{ours['p99_us']:,.0f} us",
    }


def by_contender(measured: Any, key: str) -> dict[str, float]:
    """One figure of everybody."""
    return {one["contender"]: one[key] for one in measured}
