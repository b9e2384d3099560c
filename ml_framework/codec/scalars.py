"""Python's dates, times and decimals as the integers of their columns; `ValueError` says why one does not."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, DecimalException
from typing import Any

from ml_framework.codec.schema import ColumnType, Root
from ml_framework.codec.sequences import EXACT

_EPOCH = datetime(1970, 1, 1)
_PER_SECOND = {"ms": 10**3, "us": 10**6, "ns": 10**9}
_MICROSECONDS = 10**6


def temporal(kind: ColumnType, value: Any) -> int:
    """A DATE, TIME or TIMESTAMP as the integer of its column; integers are taken as they are."""
    if kind.root is Root.DATE and isinstance(value, date) and not isinstance(value, datetime):
        return value.toordinal() - _EPOCH.toordinal()
    if kind.root is Root.TIME and isinstance(value, time):
        since = timedelta(hours=value.hour, minutes=value.minute, seconds=value.second)
        return _count(since + timedelta(microseconds=value.microsecond), "ms")
    if kind.root in (Root.TIMESTAMP, Root.TIMESTAMP_LTZ) and isinstance(value, datetime):
        assert kind.unit is not None
        return _count(_since_epoch(kind, value), kind.unit)
    if isinstance(value, date | time):
        raise ValueError(f"is a {type(value).__name__}")  # noqa: TRY004 - one error for every misfit
    return value  # type: ignore[no-any-return]  # numbers are checked with the whole column


def _since_epoch(kind: ColumnType, value: datetime) -> timedelta:
    if kind.root is Root.TIMESTAMP:
        if value.tzinfo is not None:
            raise ValueError("has a time zone, the column has none: convert it and use .replace(tzinfo=None)")
        return value - _EPOCH
    if value.tzinfo is None:
        raise ValueError("has no time zone, the column is an instant: give it a tzinfo")
    return value.astimezone(UTC).replace(tzinfo=None) - _EPOCH


def _count(since: timedelta, unit: str) -> int:
    microseconds = since // timedelta(microseconds=1)
    count, rest = divmod(microseconds * _PER_SECOND[unit], _MICROSECONDS)
    if rest:
        raise ValueError(f"has microseconds, the column counts {unit}: round it first")
    return count


def unscaled(value: Any, precision: int, scale: int) -> int:
    """A decimal or an integer times ``10 ** scale``, exactly."""
    if not isinstance(value, Decimal | int) or isinstance(value, bool):
        raise ValueError(f"is {type(value).__name__}, not Decimal")  # noqa: TRY004 - as above
    try:
        scaled = EXACT.scaleb(Decimal(value), scale)
        number = int(scaled.to_integral_exact(context=EXACT))
    except (DecimalException, OverflowError, ValueError):
        raise ValueError(f"has more than {scale} digits after the point: quantize it first") from None
    if abs(number) >= 10**precision:
        raise ValueError(f"has more than {precision - scale} digits before the point")
    return number
