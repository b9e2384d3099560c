"""What docs/cli.md tells people to type is typed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.pages import DOCS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.flink


def run(script: str, folder: Path) -> str:
    """What a script prints, which must succeed; nothing that it has started outlives it."""
    shell = subprocess.Popen(
        ["bash", "-c", script],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said, why = shell.communicate(timeout=100)
    except BaseException:
        os.killpg(shell.pid, signal.SIGKILL)
        raise
    assert shell.returncode == 0, said + why
    return said


def test_the_page_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job is planned, runs, is looked at, and ends behind a savepoint."""
    blocks = re.findall(
        r"^```bash\n(.*?)^```", (DOCS / "cli.md").read_text("utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    work = tmp_path / "line"
    shutil.copytree(DOCS.parent / "examples" / "line", work)
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "mlflink"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m ml_operator.cli "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(command.parent), prepend=":")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    script = "set -eux\n" + "".join(blocks) + "wait\n"
    script = re.sub(
        r"^(mlflink doctor.*)$", r"\1 || test $? = 1", script, flags=re.MULTILINE
    )  # it may find something
    said = run(script, work)
    assert "application master\n ┊\n └╌ worker × 3, drives\n" in said
    assert re.search(r"^[0-9a-f]{32} .* line +RUNNING ", said, flags=re.MULTILINE)
    assert "ML cluster line is RUNNING" in said
    assert "begins with y = " in said
    (savepoint,) = (work / "savepoints").iterdir()
    assert said.splitlines()[-1] == f"file:{savepoint}"
