"""What the data path is held to, and what each target compares."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, TypeAlias

from benchmarks.contenders import COLUMNS, GROUPS, MAP, PANDAS, TENSORFLOW
from benchmarks.rows import BIGINT, CRITEO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Target: TypeAlias = tuple[str, str, float, float | None, str]
"""What it compares, ``>=`` or ``<=``, the limit, what was measured, and the unit."""
_OUT, _BACK = "one way", "there and back"


def judge(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each target whose measurements were made: what is wanted, what was measured, whether it is met."""
    rates = {(rate["rows"], rate["contender"], way): rate for rate in found["rates"] for way in rate["ways"]}

    def ratio(shape: str, way: str, theirs: str, names: tuple[str, ...] = (COLUMNS, GROUPS)) -> float | None:
        ours = [rates[key]["rows_per_s"] for name in names if (key := (shape, name, way)) in rates]
        other = rates.get((shape, theirs, way))
        return max(ours) / other["rows_per_s"] if ours and other else None

    def tensorflow_ratio(shape: str) -> float | None:
        return ratio(shape, _OUT, MAP, (TENSORFLOW,))

    ours = found["latency"][0]
    wanted: list[Target] = [
        ("Criteo, one way, ours / pandas UDF", ">=", 10, ratio(CRITEO.name, _OUT, PANDAS), "x"),
        ("Criteo, one way, ours / process-mode map", ">=", 20, ratio(CRITEO.name, _OUT, MAP), "x"),
        ("BIGINT, one way, ours / process-mode map", ">=", 30, ratio(BIGINT.name, _OUT, MAP), "x"),
        ("Criteo, there and back, ours / pandas UDF", ">=", 8, ratio(CRITEO.name, _BACK, PANDAS), "x"),
        ("Criteo, one way, TensorFlow / process-mode map", ">=", 15, tensorflow_ratio(CRITEO.name), "x"),
        ("BIGINT, one way, TensorFlow / process-mode map", ">=", 15, tensorflow_ratio(BIGINT.name), "x"),
        ("encoding on the JVM, worst layout", "<=", 100, max(found["encoding_ns"].values()), "ns/row"),
        ("latency p50, max_delay=0", "<=", 1000, ours["p50_us"], "us"),
        ("latency p99, max_delay=0", "<=", 10_000, ours["p99_us"], "us"),
        ("training, fed from Flink / from memory", ">=", 0.85, found["training"]["ratio"], "x"),
        ("memory growth, worst process", "<=", 5, 100 * max(found["memory"]["growth"].values()), "%"),
    ]
    return judged(wanted)


def judged(wanted: Sequence[Target]) -> list[dict[str, Any]]:
    """Each target that something was measured for, and whether it is met."""
    holds = {">=": operator.ge, "<=": operator.le}
    return [
        {
            "target": name,
            "wanted": f"{sign} {limit:,g} {unit}",
            "measured": value,
            "met": holds[sign](value, limit),
        }
        for name, sign, limit, value, unit in wanted
        if value is not None
    ]
