"""``python -m ml_framework.sql``, as the JVM calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from ml_framework.sql.planning import plan
from ml_framework.sql.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    Sent = Callable[..., dict[str, Any]]

COMMAND = (sys.executable, "-m", "ml_framework.sql")
HEAVY = {"torch", "tensorflow", "onnxruntime", "pyflink", "grpc", "psutil"}


def run(text: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = (COMMAND[0], *options, *COMMAND[1:])
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)


def test_it_answers_with_the_settings(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("__main__.__file__", raising=False)  # whose folder would be one for modules
    done = run(json.dumps(sent()))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"settings": json.loads(json.dumps(plan(Request(**sent()))))}


def test_it_answers_with_what_is_wrong(sent: Sent) -> None:
    """Which is no failure of the command."""
    done = run(json.dumps(sent(format="keas")))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "error": "model delay: there is no 'format' 'keas': did you mean 'keras'?"
    }


@pytest.mark.parametrize(("text", "error"), [("", "JSONDecodeError"), ("{}", "TypeError")])
def test_what_nobody_has_thought_of_is_a_traceback(text: str, error: str) -> None:
    done = run(text)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].partition(":")[0].rpartition(".")[2] == error


@pytest.mark.parametrize("format_", ["torch-export", "keras", "onnx"])
def test_it_imports_nothing_that_takes_long(sent: Sent, format_: str) -> None:
    done = run(json.dumps(sent(format=format_)), "-X", "importtime")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "ml_framework.sql.planning" in imported
    assert not HEAVY & imported
