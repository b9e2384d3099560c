"""Trees of plain data: what they are made of, and where in them something lies."""

from __future__ import annotations

import types
from collections import Counter, OrderedDict, deque
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_ATOMS: Final = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray})
_MAPPINGS: Final = frozenset({dict, OrderedDict, Counter})
_SEQUENCES: Final = frozenset({list, tuple, deque})
_SETS: Final = frozenset({set, frozenset})
_FUNCTIONS: Final = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)

CLASSES: Final = {
    (kind.__module__, kind.__qualname__): kind for kind in (complex, bytearray, OrderedDict, Counter, deque)
}
"""The classes of plain data that a pickle looks up by module and name."""


def leaves(tree: object) -> Iterator[tuple[str, object]]:
    """Everything in `tree` that is no plain data, with its path, such as ``optimizer.state[0].step``.

    Plain data are None, bool, int, float, complex, str, bytes and bytearray, and lists, tuples, deques,
    dicts, OrderedDicts, Counters, sets and frozensets of them; not what is derived from these types.
    """
    seen = set()
    stack: list[tuple[str, object]] = [("", tree)]
    while stack:
        path, item = stack.pop()
        if type(item) in _ATOMS or id(item) in seen:
            continue
        members = _members(path, item)
        if members is None:
            yield path or "the state", item
        else:
            seen.add(id(item))
            stack.extend(reversed(members))


def described(item: object) -> str:
    """What `item` is, in words."""
    if isinstance(item, _FUNCTIONS):
        return "a function"
    kind = item if isinstance(item, type) else type(item)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"the class {name}" if kind is item else f"a {name}"


def _members(path: str, item: Any) -> list[tuple[str, object]] | None:
    """What `item` is made of, with the paths; None if it is no container of plain data."""
    kind = type(item)
    if kind in _SEQUENCES:
        return [(f"{path}[{index}]", member) for index, member in enumerate(item)]
    if kind in _SETS:
        return [(f"an element of {path or 'the state'}", member) for member in item]
    if kind not in _MAPPINGS:
        return None
    members = [(_joined(path, key), value) for key, value in item.items()]
    members += [(f"a key of {path or 'the state'}", key) for key in item]
    if kind is OrderedDict:  # a state dict of PyTorch has versions as an attribute
        members += [(_joined(path, name), value) for name, value in vars(item).items()]
    return members


def _joined(path: str, key: object) -> str:
    if isinstance(key, str) and key.isidentifier():
        return f"{path}.{key}" if path else key
    return f"{path}[{key!r}]"
