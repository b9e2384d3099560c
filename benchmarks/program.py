"""What a benchmark's program does around its measurements."""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.jobs import prepare_jvm

if TYPE_CHECKING:
    from collections.abc import Sequence


class Measure(Protocol):
    """Measures everything, one after the other, with files in `folder`; fewer of it where `quick` says so."""

    def __call__(self, folder: Path, *, quick: bool) -> dict[str, Any]:
        """What was found, ready for JSON."""
        ...


def run_program(
    measure_all: Measure, description: str | None, *, quick: str, report: str, jvm_options: Sequence[str] = ()
) -> None:
    """Measure everything, show it, and write it to a file if asked to.

    Args:
        measure_all: what the program measures; called when the JVM is prepared.
        description: of the program, for its help.
        quick: what ``--quick`` leaves of it, for its help.
        report: module whose ``show`` shows what was found; imported after the measurements.
        jvm_options: beyond those that all benchmarks share.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was found")
    options = parser.parse_args()
    prepare_jvm(*jvm_options)
    warnings.simplefilter("ignore")  # PyFlink's dependencies warn of their own deprecations
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        found = measure_all(Path(folder), quick=options.quick)
    from rich.console import Console  # noqa: PLC0415 - after the measurements

    import_module(report).show(found, Console())
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
