"""Numbers from user code: the last value of each name, sent on at most a few times a second."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any, SupportsFloat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

INTERVAL = timedelta(milliseconds=200)


class Metrics:
    """Collects numbers and reports the last value of each name.

    A value that is logged after a quiet time is reported at once, later ones wait until `interval` has
    passed; values that were overwritten meanwhile are never sent. Logging therefore costs a microsecond,
    and may be done at every step and from any thread.

    Args:
        send: takes one report, a mapping of names to numbers.
        interval: shortest time between two reports.
    """

    def __init__(self, send: Callable[[Mapping[str, float]], None], interval: timedelta = INTERVAL) -> None:
        self._send = send
        self._interval_s = interval.total_seconds()
        self._pending: dict[str, float] = {}
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._report, name="mlflink-metrics", daemon=True)
        self._thread.start()

    def log(self, **numbers: SupportsFloat) -> None:
        """Record the current value of each name.

        Args:
            numbers: bool, int, float, numpy scalars, and arrays or tensors of exactly one element.

        Raises:
            TypeError: a value is no number; nothing is recorded.
        """
        values = {name: _number(name, value) for name, value in numbers.items()}
        with self._lock:
            self._pending.update(values)
        self._changed.set()

    def close(self) -> None:
        """Report what is still pending and stop reporting."""
        self._closing.set()
        self._changed.set()
        self._thread.join()
        self._flush()

    def _report(self) -> None:
        while not self._closing.is_set():
            self._changed.wait()
            self._changed.clear()
            self._flush()
            self._closing.wait(self._interval_s)

    def _flush(self) -> None:
        with self._lock:
            report, self._pending = self._pending, {}
        if report:
            self._send(report)


def _number(name: str, value: Any) -> float:
    """`value` as a float; a tensor is asked for its item, which works with a gradient, too."""
    item = getattr(value, "item", None)
    try:
        number = item() if callable(item) else value
    except (ValueError, RuntimeError) as error:
        raise TypeError(f"metric {name!r} must be one number, it has {_shape(value)}: {error}") from error
    if not hasattr(number, "__float__"):
        raise TypeError(f"metric {name!r} must be a number, it is a {type(number).__name__}")
    return float(number)


def _shape(value: Any) -> str:
    return f"shape {tuple(getattr(value, 'shape', ()))}"
