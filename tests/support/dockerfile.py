"""The steps of a Dockerfile, and the files that a build sees."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Step:
    """One instruction.

    Attributes:
        stage: name of its stage, empty for the last one, which has none.
        instruction: in upper case.
        text: what follows, on one line, without options of the form ``--mount=…``.
    """

    stage: str
    instruction: str
    text: str


def read_steps(path: Path) -> list[Step]:
    """The instructions of a Dockerfile, in order."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    steps, stage = [], ""
    for line in filter(None, re.sub(r"\\\n", " ", text).splitlines()):
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            stage = rest.partition(" AS ")[2]
        words = re.sub(r"^(--(mount|from)=\S+\s+)+", "", rest.strip())
        steps.append(Step(stage, instruction, re.sub(r"\s+", " ", words)))
    return steps


def copy_context(folder: Path) -> None:
    """Copy to `folder` what a build sees: what follows ``!`` in `.dockerignore`, less its other lines."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    seen = [line[1:] for line in lines if line.startswith("!")]
    unseen = [line.removeprefix("**/") for line in lines if line and line[0] not in "#!" and line != "*"]

    def excluded(parent: str, names: list[str]) -> set[str]:
        paths = {name: (Path(parent) / name).relative_to(ROOT).as_posix() for name in names}
        return {
            name for name, path in paths.items() if any(fnmatch(path, one) or name == one for one in unseen)
        }

    for name in seen:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=excluded)
        else:
            shutil.copyfile(ROOT / name, target)
