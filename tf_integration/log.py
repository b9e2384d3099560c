"""TensorFlow's own words, tamed: what is left is one line at the start, warnings and errors."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHATTER = (b"I0000 ", b"WARNING: All log messages before absl::InitializeLog")
_EXPECTED = ("Your input ran out of data", "`shuffle=True` was passed, but will be ignored")
"""How Keras comments on every stream."""


def say(who: str) -> None:
    """Print the line with which a process begins."""
    threads = os.environ.get("OMP_NUM_THREADS", "?")
    print(f"TensorFlow {tf.__version__}: {who}, threads: {threads}")


@contextmanager
def tamed() -> Iterator[None]:
    """Keep what TensorFlow writes to standard error within, at the level of information, to itself.

    Its server logs before anything can tell it at which level to.
    """
    tf.get_logger().setLevel("WARNING")
    for message in _EXPECTED:
        warnings.filterwarnings("ignore", message)
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            said.seek(0)
            for line in said:
                if not line.startswith(_CHATTER):
                    sys.stderr.buffer.write(line)
            sys.stderr.flush()
