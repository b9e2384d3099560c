"""`error.json`: how a user's process tells its agent which exception ended it.

Written by the process that raised, at the moment at which user code raised, so that the reports of several
agents can be ordered by time; read by its agent once the process has ended.
"""

from __future__ import annotations

import json
import os
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml_framework.errors import PeerLost

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

ERROR_FILE = "error.json"
"""Name of the file in the attempt's directory."""

MAX_TEXT_CHARS = 64 * 1024
"""Longest message and traceback that are kept; of a longer one the middle is left out."""

_OURS = frozenset(str(Path(__file__).with_name(name)) for name in ("bootstrap.py", "entrypoint.py"))
_IMPORT_MACHINERY = ("<frozen importlib", f"importlib{os.sep}__init__.py")


@dataclass(frozen=True)
class ErrorFile:
    """The content of `error.json`.

    Args:
        type: name of the exception's class, qualified by its module unless it is a builtin.
        message: what the exception says of itself; of a `SystemExit` the repr of its code.
        traceback: as Python prints it, beginning at the user's code.
        time_s: seconds since the epoch at which user code raised.
        collateral: the exception itself says that a peer's end caused it.
    """

    type: str
    message: str
    traceback: str
    time_s: float
    collateral: bool = False

    @classmethod
    def of(cls, error: BaseException) -> ErrorFile:
        """Describe `error`, which was caught just now."""
        kind = type(error)
        name = (
            kind.__qualname__
            if kind.__module__ in {"builtins", "__main__"}
            else f"{kind.__module__}.{kind.__qualname__}"
        )
        message = repr(error.code) if isinstance(error, SystemExit) else _text_of(error)
        return cls(
            name, _shortened(message), _shortened(_formatted(error)), time.time(), isinstance(error, PeerLost)
        )

    @property
    def summary(self) -> str:
        """One line: ``ValueError: bad value`` or ``sys.exit(3)``."""
        if self.type == "SystemExit":
            return f"sys.exit({self.message})"
        first_line = self.message.strip().partition("\n")[0]
        return f"{self.type}: {first_line}" if first_line else self.type

    def write(self, path: Path) -> None:
        """Write the file that `read` reads, in one step; the first error stays when there is one already."""
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        partial.write_text(json.dumps(asdict(self)), encoding="utf-8")
        try:
            os.link(partial, path)
        except FileExistsError:
            return
        finally:
            partial.unlink()

    @classmethod
    def read(cls, path: Path) -> ErrorFile | None:
        """The error at `path`, None if the process left none."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 - a broken __str__ of the user's must not hide the failure
        return f"<its __str__ raised {type(broken).__name__}>"


def _formatted(error: BaseException) -> str:
    trace = next((entry for entry in _entries(error.__traceback__) if not _is_ours(entry)), None)
    return "".join(traceback.format_exception(type(error), error, trace))


def _entries(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _is_ours(entry: TracebackType) -> bool:
    """Whether this frame, found on the way to the user's code, only led there."""
    file = entry.tb_frame.f_code.co_filename
    return file in _OURS or any(part in file for part in _IMPORT_MACHINERY)


def _shortened(text: str) -> str:
    if len(text) <= MAX_TEXT_CHARS:
        return text
    half = MAX_TEXT_CHARS // 2
    return f"{text[:half]}\n[… {len(text) - MAX_TEXT_CHARS} characters …]\n{text[-half:]}"
