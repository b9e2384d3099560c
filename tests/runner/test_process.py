"""How the end of a process reads."""

from __future__ import annotations

import pytest

from ml_framework.runner.process import ProcessEnd


@pytest.mark.parametrize(
    ("returncode", "summary"),
    [
        (3, "exit code 3"),
        (137, "exit code 137 (SIGKILL)"),
        (255, "exit code 255"),
        (-11, "killed by SIGSEGV (segmentation fault)"),
        (-9, "killed by SIGKILL"),
        (-6, "killed by SIGABRT (aborted)"),
        (-40, "killed by signal 40"),
    ],
)
def test_the_summary_names_code_or_signal(returncode, summary):
    """Signals have their name and what it means."""
    assert ProcessEnd(returncode, 0.0, "").summary == summary
