"""Functions of PyFlink's own around a role whose rows are a DataStream."""

from __future__ import annotations

from typing import Any

from pyflink.common.watermark_strategy import TimestampAssigner
from pyflink.datastream import ProcessFunction


class At(TimestampAssigner):
    """The field `at` as event time."""

    def extract_timestamp(self, value: Any, record_timestamp: int) -> int:
        return int(value.at)


class WithTime(ProcessFunction):
    """An element and its event time as text."""

    def process_element(self, value: Any, ctx: ProcessFunction.Context) -> Any:
        yield f"{ctx.timestamp()}: {', '.join(map(str, value))}"
