"""`Checkpoints`: answers the barriers of a node's input, each with the state that belongs to it.

At a barrier the state is copied into shared memory, and the answer says where it lies; the JVM streams it
into Flink's checkpoint while user code goes on. There are two kinds of state:

* *shared*: the objects that user code has registered. They are the same on all ranks that train together, so
  rank 0 saves them, and whoever gets them back hands them round.
* *own*: of one rank. Rows that wait for their batch to fill, the random number generators, what user code has
  asked to keep, and whether it has returned.

They lie in pieces of their own, except for a node whose input has no columns: it has no rows to share out.

Flink gives each state back to some rank, which may not be the one that it came from: there may be more ranks
than before, or fewer.

User code that has returned is not called again in the same job: what it did after its last batch would be
done twice. A checkpoint has all ranks before their return or all behind it, for no barrier is met without
those that have left. Another job, which has the same number of ranks or another one, begins with the state
that was left.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_framework.byte_queue import FrameKind
from ml_framework.checkpoint import Encoded, Encoding, StateMemories, decode, stateful
from ml_framework.codec import Layout, encode_batch
from ml_framework.codec import decode as decode_batch
from ml_framework.errors import CheckpointError, QueueClosed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from typing_extensions import Buffer

    from ml_framework.byte_queue import Producer
    from ml_framework.checkpoint import Framework, Stateful
    from ml_framework.codec import RecordBatch
    from ml_framework.context.input import Input
    from ml_framework.context.launch import Launch
    from ml_framework.context.peers import Peers

_SHARED, _OWN = "shared", "own"


class Checkpoints:
    """The states of one node. At its start it reads what a checkpoint holds for this node from the queue.

    Args:
        source: the input of this node.
        producer: of its out-queue, where the answers go.
        peers: the ranks that take each step together.
        launch: what this process was told.
        framework: how the framework's objects are saved.
        aborted: ids of the checkpoints that Flink has given up.
        saving: entered and left around each cut.

    Attributes:
        returned: user code had, in this job, before the checkpoint was taken.

    Raises:
        CheckpointError: what the checkpoint holds does not fit.
    """

    def __init__(
        self,
        source: Input,
        producer: Producer,
        peers: Peers,
        launch: Launch,
        *,
        framework: Framework,
        aborted: set[int],
        saving: AbstractContextManager[object],
    ) -> None:
        self._source = source
        self._producer = producer
        self._peers = peers
        self._launch = launch
        self._framework = framework
        self._aborted = aborted
        self._saving = saving
        self.returned = False
        self._memories = StateMemories()
        self._objects: dict[str, Stateful] | None = None
        self._begun = False
        self._sent = False
        self._shared: bytearray | None = None
        self._random: Any = None
        self._save_kept: Callable[[], Any] | None = None
        self._kept: list[Any] = []
        self._groups = launch.world_size // peers.size
        """How many nodes of the role have shared states: one, or all where each trains by itself."""
        self._restored = source.states(launch.restored)
        for blob in self._restored:
            self.take(blob)
        if not self.returned:
            self._restored = []

    def register(self, objects: Mapping[str, Any]) -> bool:
        """What `NodeContext.checkpointed` says."""
        if self._objects is not None or self._begun:
            raise CheckpointError("call ctx.checkpointed() once, with every object, before the first batch")
        self._objects = {name: stateful(name, item, self._framework) for name, item in objects.items()}
        self._reserve()
        blob, self._shared = self._peers.hand_round(self._shared), None
        if blob is None:
            return False
        self._restore(self._decoded(blob)["objects"], self._objects)
        return True

    def keep(self, save: Callable[[], Any]) -> list[Any]:
        """What `NodeContext.keep` says."""
        self._save_kept = save
        return self._kept

    def begin(self) -> None:
        """User code asks for its first batch: from here on everything is as it was at the barrier."""
        if self._begun:
            return
        self._begun = True
        self._check_taken_over()
        if self._random is not None:
            self._framework.set_random_state(self._random)
            self._random = None

    def aborted(self, number: int) -> bool:
        """Whether Flink has given this checkpoint up."""
        return number in self._aborted

    def cut(self) -> None:
        """Answer the barrier at which the input stands, and go on behind it."""
        with self._saving:
            self._send_state(self._plan(self._source.carried()))
            self._answer(FrameKind.CUT)

    def give_up(self) -> None:
        """Go on behind the barrier without having met the other ranks there."""
        self._answer(FrameKind.ABORT)

    def hand_over(self) -> bytearray | None:
        """Give away the shared state, where a checkpoint has given it to this node; another one takes it."""
        blob, self._shared = self._shared, None
        return blob

    def take(self, blob: bytearray) -> None:
        """Take over a piece of what a checkpoint holds, which this node or another has been given.

        Raises:
            CheckpointError: it does not fit.
        """
        tree = self._decoded(blob)
        if tree["kind"] == _SHARED:
            self._check_groups(tree["groups"])
            self._shared, tree = blob, tree["own"]
        if tree is not None:
            self._take_own(tree)

    def finish(self) -> None:
        """Leave the state that answers whatever barrier still comes; to be followed by END and `settle`."""
        if self.returned:
            self._send_state([Encoded(blob) for blob in self._restored])
            return
        self._check_taken_over()
        self._send_state(self._plan(None, returned=True))  # what was not asked for is discarded

    def settle(self) -> None:
        """Wait until the task has heard of every state that was sent: they go with this process."""
        if self._sent:
            with suppress(QueueClosed):  # the task takes no more, nor will it ask for a state
                self._producer.drain()

    def close(self) -> None:
        """Let go of the memory."""
        self._memories.close()

    def _answer(self, kind: FrameKind) -> None:
        number = self._source.pass_barrier()
        self._aborted.discard(number)
        self._producer.send_number(kind, number)

    # Saving

    def _reserve(self) -> None:
        """What cannot be saved is told at once, and the first barrier finds memory that is there."""
        encodings = self._plan(None)
        if encodings:
            self._memories.take(sum(encoding.nbytes for encoding in encodings))

    def _send_state(self, encodings: Sequence[Encoding | Encoded]) -> None:
        if not encodings:
            return
        memory = self._memories.take(sum(encoding.nbytes for encoding in encodings))
        parts, start = [], 0
        for encoding in encodings:
            encoding.write(memory.memory[start : start + encoding.nbytes])
            parts.append((start, encoding.nbytes))
            start += encoding.nbytes
        self._producer.send(FrameKind.STATE, memory.publish(parts))
        self._sent = True

    def _plan(self, carried: RecordBatch | None, *, returned: bool = False) -> list[Encoding]:
        """What this rank saves now: the shared state where it is the one to save it, then its own."""
        trees: list[dict[str, Any]] = []
        if self._objects or self._save_kept or carried is not None or returned:
            trees.append(
                {
                    "kind": _OWN,
                    "world_size": self._launch.world_size,
                    "random": self._framework.random_state() if self._objects else None,
                    "rows": None if carried is None else _saved_rows(carried),
                    "kept": [] if self._save_kept is None else [self._save_kept()],
                    "returned": self._launch.job_id if returned else None,
                }
            )
        if self._objects and self._peers.rank == 0:
            states = {name: item.save() for name, item in self._objects.items()}
            own = None if self._source.layout.schema.columns else trees.pop()
            trees.insert(0, {"kind": _SHARED, "groups": self._groups, "objects": states, "own": own})
        return [Encoding(tree, self._framework.kinds) for tree in trees]

    # Taking over

    def _check_taken_over(self) -> None:
        if self._shared is not None:
            names = ", ".join(self._decoded(self._shared)["objects"])
            raise CheckpointError(
                f"the checkpoint holds the state of {names}, which nobody has taken over: call "
                "ctx.checkpointed() with them before the first batch, on every rank"
            )

    def _check_groups(self, groups: int) -> None:
        if groups != self._groups:
            raise CheckpointError(
                f"the number of {self._launch.role} nodes, each with a state of its own, was {groups} and is "
                f"{self._groups}: nodes that do not train together cannot share theirs out, so plan "
                f"{self._launch.role} with parallelism {groups}"
            )

    def _take_own(self, tree: Mapping[str, Any]) -> None:
        self.returned |= tree["returned"] == self._launch.job_id
        if tree["world_size"] == self._launch.world_size:
            self._random = tree["random"]
        self._kept += tree["kept"]
        if tree["rows"] is not None:
            self._source.carry(_restored_rows(tree["rows"], self._source.layout))

    def _decoded(self, blob: Buffer) -> Any:
        return decode(memoryview(blob), self._framework.kinds)

    def _restore(self, states: Mapping[str, Any], objects: Mapping[str, Stateful]) -> None:
        if states.keys() != objects.keys():
            raise CheckpointError(
                f"the checkpoint holds the state of {_listed(states)}, and ctx.checkpointed() was called "
                f"with {_listed(objects)}: register the same names, or start without this checkpoint"
            )
        for name, item in objects.items():
            item.load(states[name])


def _listed(names: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _saved_rows(rows: RecordBatch) -> dict[str, Any]:
    frame = b"".join(encode_batch(rows))
    return {"layout": rows.layout.to_json(), "frame": np.frombuffer(frame, np.uint8)}


def _restored_rows(saved: Mapping[str, Any], layout: Layout) -> RecordBatch:
    if saved["layout"] != layout.to_json():
        before = ", ".join(
            f"{column.name} {column.type}" for column in Layout.from_json(saved["layout"]).schema.columns
        )
        now = ", ".join(f"{column.name} {column.type}" for column in layout.schema.columns)
        raise CheckpointError(
            f"the checkpoint holds rows of the columns {before}, and the input has {now}: go on with the "
            "same input, or start without this checkpoint"
        )
    return decode_batch(layout, memoryview(saved["frame"]))
