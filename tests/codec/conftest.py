"""Tables, values and the Java end for the tests of the codec."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ml_framework.codec import Layout, RecordBatch, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).parents[2]
sys.path.append(str(Path(__file__).parent))  # for codec_tables


def frame(layout: Layout, values: Mapping[str, Any], timestamps: Any = None) -> bytes:
    """The bytes of a frame."""
    return b"".join(encode(layout, values, timestamps))


def round_trip(layout: Layout, values: Mapping[str, Any], timestamps: Any = None) -> RecordBatch:
    """The batch that the other end would see."""
    return decode(layout, memoryview(frame(layout, values, timestamps)))


@pytest.fixture(name="through_python", scope="session")
def _through_python() -> Callable[..., RecordBatch]:
    return round_trip


@pytest.fixture(name="frame_of", scope="session")
def _frame_of() -> Callable[..., bytes]:
    return frame


@pytest.fixture(name="java", scope="session")
def _java(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[bytes]]:
    """Runs `RoundTrip`: (layout, frames) cases in, two frames (or one message) out for each frame.

    `write_as` is the layout of the frames that come out, where it is another one.
    """
    if shutil.which("javac") is None:
        pytest.skip("needs a JDK")
    pyflink = pytest.importorskip("pyflink")
    classes = tmp_path_factory.mktemp("classes")
    class_path = ":".join(str(jar) for jar in Path(pyflink.__path__[0]).glob("lib/*.jar"))
    sources = [*ROOT.glob("java/src/*/java/org/mlonflink/columns/*.java")]
    options = ["--release", "17", "-proc:none", "-encoding", "UTF-8", "-cp", class_path, "-d", str(classes)]
    subprocess.run(["javac", *options, *map(str, sources)], check=True, timeout=100)

    def run(*cases: tuple[Layout, Sequence[bytes]], write_as: Layout | None = None) -> list[bytes]:
        given, answered = classes / "given", classes / "answered"
        given.write_bytes(b"".join(_parts(layout, write_as or layout, frames) for layout, frames in cases))
        # Small heap, one compiler thread: this JVM lives for a second.
        jvm = [
            "java",
            "-Xmx256m",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-cp",
            f"{classes}:{class_path}",
        ]
        subprocess.run([*jvm, "org.mlonflink.columns.RoundTrip", given, answered], check=True, timeout=100)
        return _split(answered.read_bytes())

    return run


def _parts(read: Layout, write: Layout, frames: Sequence[bytes]) -> bytes:
    types = "\n".join(str(column.type) for column in read.schema)
    layouts = [json.dumps(layout.to_json()).encode() for layout in (read, write)]
    parts = [*layouts, types.encode(), *frames, b""]
    return b"".join(struct.pack(">i", len(part)) + part for part in parts)


def _split(data: bytes) -> list[bytes]:
    parts = []
    while data:
        (size,) = struct.unpack_from(">i", data)
        parts.append(data[4 : 4 + size])
        data = data[4 + size :]
    return parts
