"""What user code logs, as a file of events that TensorBoard shows."""

from __future__ import annotations

import os
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_VERSION = "brain.Event:2"


class Board:
    """One file of events, to which reports are added as they come. For one thread.

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
        self._records = RecordWriter((folder / name).open("ab"))
        self._write(file_version=_VERSION)

    def write(self, numbers: Mapping[str, float], step: int) -> None:
        """Add the values that these names have at `step`."""
        values = [self._summary.Value(tag=name, simple_value=value) for name, value in numbers.items()]
        self._write(step=step, summary=self._summary(value=values))

    def close(self) -> None:
        """Close the file."""
        self._records.close()

    def _write(self, **content: Any) -> None:
        event = self._event(wall_time=time.time(), **content)
        self._records.write(event.SerializeToString())
        self._records.flush()
