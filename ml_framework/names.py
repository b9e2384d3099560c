"""What is said of a name that there is not."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


def suggestion(name: str, names: Collection[str]) -> str:
    """A half-sentence for an unknown name: the closest known one, or all of them."""
    return closest(name, names, most=1) or f"there are {', '.join(map(repr, names))}"


def closest(name: str, names: Collection[str], most: int = 3) -> str:
    """A half-sentence with up to `most` known names that are close to an unknown one; empty where none is."""
    near = get_close_matches(name, set(names), most)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else ""
