"""What the reference makes of a docstring: the block behind a line `::` is code."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import griffe

_BLOCK = re.compile(r"^( *)::\n\n((?:\1 +\S.*\n|\n)+)", flags=re.MULTILINE)
_DRAWING = re.compile(r"[─│├└]|^\S+/\S*  ", flags=re.MULTILINE)


class Fenced(griffe.Extension):
    """Fences the blocks, as Python unless they are drawn."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring before anybody has looked at it."""
        if obj.docstring:
            obj.docstring.value = _BLOCK.sub(_fenced, obj.docstring.value + "\n")


def _fenced(block: re.Match[str]) -> str:
    text = textwrap.dedent(block[2]).strip("\n")
    language = "" if _DRAWING.search(text) else "python"
    return textwrap.indent(f"```{language}\n{text}\n```\n\n", block[1])
