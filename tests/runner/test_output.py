"""Output is cut into lines, teed, and never waits for a reader."""

from __future__ import annotations

import asyncio
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_framework.runner.console import BURST_BYTES, Console
from ml_framework.runner.lines import Lines
from ml_framework.runner.log_file import LogFile
from ml_framework.runner.output import LAST_LINES, Output


@given(st.lists(st.binary(max_size=50)), st.integers(1, 20))
def test_lines_do_not_depend_on_how_they_arrive(chunks, max_bytes):
    """However the bytes come in, no line is longer than asked for and none of them is lost."""
    lines, data = Lines(max_bytes), b"".join(chunks)
    cut = [line for chunk in chunks for line in lines.feed(chunk)] + lines.flush()
    assert all(len(line) <= max_bytes for line in cut)
    assert b"".join(cut) == data.replace(b"\n", b"")


@given(st.lists(st.tuples(st.text("ab\n", max_size=50), st.booleans())))
def test_skipped_lines_are_as_many_as_cut_ones(chunks):
    """Whichever chunks are skipped; what follows begins where it would have."""
    cut, skipping = Lines(), Lines()
    for text, skip in chunks:
        expected = cut.feed(text.encode())
        if skip:
            assert skipping.skip(text.encode()) == len(expected)
        else:
            assert skipping.feed(text.encode()) == expected
    assert skipping.flush() == cut.flush()


def test_a_skipped_line_without_an_end_is_bounded():
    """Its end is kept."""
    lines = Lines(10)
    for _ in range(100):
        assert lines.skip(b"0123456789abc") == 0
    assert lines.flush() == [b"3456789abc"]


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
        output = Output(read_end, LogFile(tmp_path / "log", 1 << 20), Console(shown_write), "w[0] | ")
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
        output = Output(read_end, LogFile(tmp_path / "log", 1 << 20), Console(write_end), "")
        os.write(write_end, b"half a line")
        await output.drain(0.05)
        os.close(write_end)
        return output.last_lines

    assert asyncio.run(scenario()) == "half a line"


def test_a_flood_is_shown_in_part_and_logged_to_its_end(tmp_path):
    """The console gets a burst and the number of lines that it does not get; the last ones are known."""
    lines = [f"line {number} {'x' * 100}" for number in range(20_000)]

    async def scenario() -> tuple[list[str], str]:
        read_end, write_end = os.pipe()
        console_file = os.open(tmp_path / "console", os.O_CREAT | os.O_WRONLY)
        console = Console(console_file)
        output = Output(read_end, LogFile(tmp_path / "log", 1 << 30), console, "w[0] | ")
        await asyncio.to_thread(_write_all, write_end, "\n".join(lines).encode() + b"\n")
        await output.ended
        await console.drain(1)
        os.close(console_file)
        return (tmp_path / "console").read_text().splitlines(), output.last_lines

    shown, last = asyncio.run(scenario())
    said = [line for line in shown if line.startswith("w[0] | ")]
    left_out = [int(line.split()[1]) for line in shown if line.startswith("[…")]
    assert said[:1000] == [f"w[0] | {line}" for line in lines[:1000]]
    assert sum(map(len, said)) < 4 * BURST_BYTES
    assert len(said) + sum(left_out) == len(lines)
    assert last.splitlines() == lines[-LAST_LINES:]
    assert (tmp_path / "log").read_text().splitlines() == lines


def _write_all(write_end: int, data: bytes) -> None:
    with os.fdopen(write_end, "wb", buffering=0) as pipe:
        while data:
            data = data[pipe.write(data) :]
