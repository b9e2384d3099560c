"""What went wrong in a step, said first: TensorFlow begins with where its graph was built."""

from __future__ import annotations

import re
from typing import Any

_BEGINS = "Graph execution error:"
_PLACES = (_BEGINS, "Detected at", "  File", "Stack trace")
"""How paragraphs begin that say where, not what."""
_AT = re.compile(r"from remote target /job:(\w+)/replica:\d+/task:(\d+)")


def cause_first(error: Any) -> Any:
    """`error`, a `tf.errors.OpError`, as one of its class whose first line says what happened, and where."""
    message = str(error.message)
    if not message.startswith(_BEGINS):
        return error
    said = message.partition("\n\t [[")[0].split("\n\n")
    what = next((text.strip() for text in said if text.strip() and not text.startswith(_PLACES)), _BEGINS)
    worker = _AT.search(message)
    where = f"{worker[1]}[{worker[2]}]: " if worker else ""
    first_line = what.partition("\n")[0]
    return type(error)(error.node_def, error.op, f"{where}{first_line}\n{message}")
