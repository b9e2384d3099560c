"""What user code logs, as a file of events that TensorBoard shows."""

from __future__ import annotations

import os
import socket
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_VERSION = "brain.Event:2"


class Board:
    """One file of events, to which reports are added as they come. For one thread.

    It is only looked at, so training goes on where it cannot be written: that is said once.

    Only what reads and writes no files of its own is taken of TensorBoard's package: the rest imports
    TensorFlow where that is installed.

    Args:
        folder: of the file; created. What lies there already stays, and is shown with it.

    Raises:
        ModuleNotFoundError: this interpreter has no TensorBoard.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from tensorboard.compat.proto import event_pb2, summary_pb2  # noqa: PLC0415 - an extra
            from tensorboard.summary.writer.record_writer import RecordWriter  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"{sys.executable} has no TensorBoard: install ml-on-flink[tensorboard] there, "
                "or leave tensorboard= out",
                name=error.name,
            ) from error
        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}"
        self._file = folder / name
        self._records = RecordWriter(self._file.open("ab"))
        self._broken = False
        self._write(file_version=_VERSION)

    def write(self, numbers: Mapping[str, float], step: int) -> None:
        """Add the values that these names have at `step`."""
        values = [self._summary.Value(tag=_tag(name), simple_value=value) for name, value in numbers.items()]
        self._write(step=step, summary=self._summary(value=values))

    def close(self) -> None:
        """Close the file."""
        with self._telling():
            self._records.close()

    def _write(self, **content: Any) -> None:
        if self._broken:
            return
        with self._telling():
            event = self._event(wall_time=time.time(), **content)
            self._records.write(event.SerializeToString())
            self._records.flush()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not self._broken:
                print(f"nothing more is written for TensorBoard to {self._file}: {error}", file=sys.stderr)
            self._broken = True


def _tag(name: str) -> str:
    """`name` without the lone surrogates that one of a file may have."""
    return name.encode("utf-8", "replace").decode("utf-8")
