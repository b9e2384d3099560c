"""Where everything lies in a byte queue's file, as in ``Layout.java``; all integers are little-endian.

::

    offset   size   field                  written by
    0        8      magic "MLFQUEUE"       creator
    8        4      version                creator
    16       8      capacity in bytes      creator     a power of two
    64       8      tail                   producer    bytes ever published
    128      8      head                   consumer    bytes ever released
    192      4      producer waits         producer    1 while it wants to hear of room
    256      4      consumer waits         consumer    1 while it wants to hear of frames
    320      4      producer closed        producer    1 after a clean close
    384      4      consumer closed        consumer    1 after a clean close
    4096     capacity  the ring

A *record* begins at a multiple of 64 and never wraps; a padding record fills the end of the ring where the
next one would not fit::

     0        4        6        8                       64                  64 + length
    +--------+--------+--------+-----------------------+-------------------+- - - - - - - -+
    | length | kind   | flags  | not written           | payload           | up to n * 64  |
    +--------+--------+--------+-----------------------+-------------------+- - - - - - - -+

Positions (tail, head) grow for ever; the index into the ring is ``position & (capacity - 1)``. Words that
different processes write lie in cache lines of their own.

*Publish rule*: write header and payload, then store the tail with release; the consumer loads the tail with
acquire, reads, then stores the head with release.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple

MAGIC: Final = b"MLFQUEUE"
VERSION: Final = 1
PREAMBLE: Final = struct.Struct("<8sI4xQ")
"""Magic, version, capacity: what the creator writes."""

HEADER_BYTES: Final = 4096
MIN_CAPACITY: Final = 4096
MAX_CAPACITY: Final = 1 << 30
"""The largest power of two that a JVM maps in one piece, header included."""

ALIGNMENT: Final = 64
RECORD: Final = struct.Struct("<IHH")
RECORD_BYTES: Final = 64
"""Size of a record's header."""

PADDING: Final = 0
"""Kind of a record that fills the end of the ring."""
FIRST: Final = 1
"""Flag of the first record of a frame."""
LAST: Final = 2
"""Flag of the last record of a frame."""
WHOLE: Final = FIRST | LAST


class FrameKind(IntEnum):
    """What a frame says: `BATCH` carries rows, `STATE` a state or its place, `END` nothing, others an i64."""

    BATCH = 1
    WATERMARK = 2
    STATUS = 3
    CHECKPOINT = 4
    ABORT = 5
    CUT = 6
    END = 7
    STATE = 8


class Words(NamedTuple):
    """Offsets of the words that one end writes and the other reads."""

    position: int
    waits: int
    closed: int


PRODUCER: Final = Words(position=64, waits=192, closed=320)
CONSUMER: Final = Words(position=128, waits=256, closed=384)


def aligned(length: int) -> int:
    """`length` rounded up to a multiple of the alignment."""
    return (length + ALIGNMENT - 1) & -ALIGNMENT


def max_record(capacity: int) -> int:
    """Longest payload of one record, in bytes; a longer frame is several records."""
    return capacity // 4
