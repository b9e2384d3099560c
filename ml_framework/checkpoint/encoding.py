"""How the state of a checkpoint lies in memory; all integers are little-endian.

::

    offset   size   what
    0        8      magic "MLFSTATE"
    8        4      version
    16       8      length of the head in bytes
    24       8      length of everything in bytes
    64       head   a pickle of the table, then one of the tree
             data   from the next multiple of 64: the values, each at a multiple of 64

The *table* has an entry for each value that lies outside the pickle (an array, a tensor): the name of its
kind, what the kind says of it, its offset in the data, and its length. The tree refers to entries by number,
so what was shared comes back shared.

A pickle can make a program run anything. These are read by an unpickler that knows the types of plain data
and nothing else, so reading a damaged or forged state runs no code from it.
"""

from __future__ import annotations

import io
import pickle
import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ml_framework.checkpoint.kinds import NUMPY
from ml_framework.checkpoint.tree import CLASSES, described, leaves
from ml_framework.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from typing_extensions import Buffer

    from ml_framework.checkpoint.kinds import Kind

MAGIC: Final = b"MLFSTATE"
VERSION: Final = 1
ALIGNMENT: Final = 64
_PREAMBLE: Final = struct.Struct("<8sI4xQQ")
_HEAD: Final = 64
"""Where the head begins."""
_PROTOCOL: Final = 5


class _Entry(NamedTuple):
    """One value outside the pickle."""

    kind: Kind
    value: Any
    description: Any
    offset: int
    length: int


class Encoding:
    """A plan of how a tree lies in memory.

    Plain data are captured by the plan; arrays and tensors are read by `write`, and until then the tree must
    not change. Two that are the same memory seen in the same way, as tied weights are, are written once.
    Where views merely overlap each is written whole.

    Args:
        tree: plain data (`ml_framework.checkpoint.tree.leaves`), arrays and scalars of numpy, and what
            `kinds` know.
        kinds: of the framework's tensors.

    Attributes:
        nbytes: memory that the encoding takes, a multiple of 64.

    Raises:
        CheckpointError: something in the tree cannot be saved; names its path and the reason.
    """

    def __init__(self, tree: object, kinds: Sequence[Kind] = ()) -> None:
        self._entries: list[_Entry] = []
        self._numbers: dict[int, int] = {}
        """``id`` of a value to the number of its entry."""
        self._tree = tree  # keeps every id taken
        self._data_nbytes = 0
        self._plan((*NUMPY, *kinds))
        self._head = self._pickled()
        self._data = _aligned(_HEAD + len(self._head))
        self.nbytes = self._data + self._data_nbytes

    def write(self, memory: memoryview) -> None:
        """Write it to the beginning of `memory`, which is 64-byte aligned and has room for `nbytes`.

        Raises:
            ValueError: there is less room.
        """
        if memory.nbytes < self.nbytes:
            raise ValueError(f"{memory.nbytes} bytes of memory for an encoding of {self.nbytes}")
        _PREAMBLE.pack_into(memory, 0, MAGIC, VERSION, len(self._head), self.nbytes)
        memory[_HEAD : _HEAD + len(self._head)] = self._head
        for entry in self._entries:
            start = self._data + entry.offset
            entry.kind.write(entry.value, memory[start : start + entry.length])

    def _plan(self, kinds: Sequence[Kind]) -> None:
        places: dict[Hashable, int] = {}
        for path, value in leaves(self._tree):
            kind = next((kind for kind in kinds if kind.matches(value)), None)
            if kind is None:
                raise CheckpointError(_refusal(path, value, kinds))
            try:
                description = kind.describe(value)
            except CheckpointError as error:
                raise CheckpointError(f"{path}: {error}") from error
            place = kind.name, kind.identity(value)
            if place not in places:
                places[place] = self._placed(kind, value, description)
            self._numbers[id(value)] = places[place]

    def _placed(self, kind: Kind, value: Any, description: Any) -> int:
        length = kind.nbytes(value)
        self._entries.append(_Entry(kind, value, description, self._data_nbytes, length))
        self._data_nbytes += _aligned(length)
        return len(self._entries) - 1

    def _pickled(self) -> bytes:
        table = [(entry.kind.name, entry.description, entry.offset, entry.length) for entry in self._entries]
        head = io.BytesIO()
        pickle.dump(table, head, _PROTOCOL)
        _Pickler(head, self._numbers).dump(self._tree)
        return head.getvalue()


class Encoded:
    """What an `Encoding` has written, to be written again as it is.

    Args:
        blob: the whole of it.

    Attributes:
        nbytes: its length, a multiple of 64.
    """

    def __init__(self, blob: bytearray) -> None:
        self.nbytes = len(blob)
        self._blob = blob

    def write(self, memory: memoryview) -> None:
        """Write it to `memory`, which has room for exactly `nbytes`."""
        memory[:] = self._blob


def decode(memory: Buffer, kinds: Sequence[Kind] = ()) -> Any:
    """The tree that was encoded, with arrays and tensors in memory of their own.

    Args:
        memory: of the encoding, perhaps read-only; bytes behind it are ignored, and it may go afterwards.
        kinds: those that it was encoded with, at least.

    Raises:
        CheckpointError: that is no state, it is damaged, or it was written by another version.
    """
    view = memoryview(memory).cast("B")
    head, data = _checked(view)
    try:
        return _read(view[_HEAD:head], view[data:], {kind.name: kind for kind in (*NUMPY, *kinds)})
    except (CheckpointError, MemoryError):
        raise
    except Exception as error:
        raise CheckpointError(f"the state in the checkpoint is damaged: {error!r}") from error


def _read(head: memoryview, data: memoryview, kinds: Mapping[str, Kind]) -> Any:
    stream = io.BytesIO(head)
    values = []
    for name, description, offset, length in _Unpickler(stream, ()).load():
        if name not in kinds:
            raise CheckpointError(
                f"the state in the checkpoint holds a {name}, which this role cannot read: "
                f"it knows {', '.join(kinds)}; restore it with the runner that it was saved with"
            )
        if not 0 <= offset <= offset + length <= len(data):
            raise CheckpointError(f"the state in the checkpoint is damaged: a {name} lies outside of it")
        values.append(kinds[name].read(description, data[offset : offset + length]))
    return _Unpickler(stream, values).load()


def _checked(view: memoryview) -> tuple[int, int]:
    """Where the head ends and where the data begin."""
    if len(view) < _HEAD:
        raise CheckpointError(f"that is no state: it has {len(view)} bytes, fewer than a header")
    magic, version, head, length = _PREAMBLE.unpack_from(view)
    if magic != MAGIC:
        raise CheckpointError(f"that is no state: it begins with {magic!r}, not with {MAGIC!r}")
    if version != VERSION:
        raise CheckpointError(
            f"the state in the checkpoint is of version {version}, this is version {VERSION}: "
            "restore it with the release of ml-on-flink that wrote it"
        )
    data = _aligned(_HEAD + head)
    if len(view) < length:
        raise CheckpointError(
            f"the state in the checkpoint is cut short: {len(view)} of {length} bytes are there"
        )
    if data > length:
        raise CheckpointError(f"the state in the checkpoint is damaged: a head of {head} bytes in {length}")
    return _HEAD + head, data


class _Pickler(pickle.Pickler):
    """Pickles plain data; a value with an entry is only its number."""

    def __init__(self, file: io.BytesIO, numbers: Mapping[int, int]) -> None:
        super().__init__(file, _PROTOCOL)
        self._numbers = numbers

    def persistent_id(self, obj: object) -> int | None:
        return self._numbers.get(id(obj))


class _Unpickler(pickle.Unpickler):
    """Unpickles plain data and nothing else."""

    def __init__(self, file: io.BytesIO, values: Sequence[Any]) -> None:
        super().__init__(file)
        self._values = values

    def persistent_load(self, pid: Any) -> Any:
        return self._values[pid]

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in CLASSES:
            raise CheckpointError(f"the state in the checkpoint asks for {module}.{name}, which is no data")
        return CLASSES[module, name]


def _refusal(path: str, value: object, kinds: Sequence[Kind]) -> str:
    known = ", ".join(kind.name for kind in kinds)
    return (
        f"{path} is {described(value)}, which a checkpoint cannot hold: save data only (numbers, text, "
        f"bytes, lists, tuples, dicts, sets, {known}), and make the rest anew when it is loaded"
    )


def _aligned(length: int) -> int:
    return (length + ALIGNMENT - 1) & -ALIGNMENT
