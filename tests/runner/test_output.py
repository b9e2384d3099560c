"""Output is cut into lines, teed, and never waits for a reader."""

from __future__ import annotations

import asyncio
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_framework.runner.output import LAST_LINES, Console, Lines, Output


@given(st.lists(st.binary(max_size=50)), st.integers(1, 20))
def test_lines_do_not_depend_on_how_they_arrive(chunks, max_bytes):
    """However the bytes come in, no line is longer than asked for and none of them is lost."""
    lines, data = Lines(max_bytes), b"".join(chunks)
    cut = [line for chunk in chunks for line in lines.feed(chunk)] + lines.flush()
    assert all(len(line) <= max_bytes for line in cut)
    assert b"".join(cut) == data.replace(b"\n", b"")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"one\ntwo\n", [b"one", b"two"]),
        (b"\n\n", [b"", b""]),
        (b"abcdefghijk\nl", [b"abcd", b"efgh", b"ijk", b"l"]),
    ],
)
def test_long_lines_are_continued_on_the_next(data, expected):
    """Pieces have the full length, but for the last one."""
    lines = Lines(4)
    assert lines.feed(data) + lines.flush() == expected


def _pipe() -> tuple[int, int]:
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    return read_end, write_end


def _read(read_end: int) -> bytes:
    """What is in the pipe."""
    try:
        return os.read(read_end, 1 << 20)
    except BlockingIOError:
        return b""


def test_a_console_that_nobody_reads_drops_lines_and_says_how_many():
    """Writing never blocks; what was left out is counted once there is room again."""

    async def scenario() -> list[str]:
        read_end, write_end = _pipe()
        console = Console(write_end)
        for number in range(100_000):
            console.put(b"line %d" % number)
        console.flush()
        shown = b""
        while piece := _read(read_end):
            shown += piece
            console.flush()
        console.write("after")
        shown += _read(read_end)
        await console.drain(0.1)
        os.close(read_end)
        os.close(write_end)
        return shown.decode().splitlines()

    *kept, note, after = asyncio.run(scenario())
    assert kept == [f"line {number}" for number in range(len(kept))]
    assert note == f"[… {100_000 - len(kept)} lines are only in the log file …]"
    assert after == "after"


def test_a_console_whose_reader_has_gone_forgets_what_it_had():
    """A broken pipe is no error."""

    async def scenario() -> None:
        read_end, write_end = _pipe()
        os.close(read_end)
        console = Console(write_end)
        console.write("nobody hears this")
        await console.drain(0.1)
        os.close(write_end)

    asyncio.run(scenario())


def test_output_keeps_the_last_lines(tmp_path):
    """The log has every line, the first cause the last ones, and an unfinished one counts."""

    async def scenario() -> str:
        read_end, write_end = os.pipe()
        shown_read, shown_write = _pipe()
        output = Output(read_end, tmp_path / "log", Console(shown_write), "w[0] | ")
        os.write(write_end, b"".join(b"line %d\n" % number for number in range(100)) + b"rest")
        os.close(write_end)
        await output.ended
        assert os.read(shown_read, 1 << 16).startswith(b"w[0] | line 0\nw[0] | line 1\n")
        os.close(shown_read)
        os.close(shown_write)
        return output.last_lines

    expected = [*(f"line {number}" for number in range(100)), "rest"]
    assert asyncio.run(scenario()).split("\n") == expected[-LAST_LINES:]
    assert (tmp_path / "log").read_text().splitlines() == expected


def test_a_writer_that_stays_does_not_hold_the_end_up(tmp_path):
    """Draining is bounded: who left the process group may keep the pipe open for ever."""

    async def scenario() -> str:
        read_end, write_end = os.pipe()
        output = Output(read_end, tmp_path / "log", Console(write_end), "")
        os.write(write_end, b"half a line")
        await output.drain(0.05)
        os.close(write_end)
        return output.last_lines

    assert asyncio.run(scenario()) == "half a line"
