"""A queue against a list: whatever is sent, received, held, released and restarted, in whatever order."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ml_framework.byte_queue import Consumer, Doorbell, Frame, FrameKind, MappedQueue, Producer, create
from ml_framework.errors import EndOfStream, QueueFull

if TYPE_CHECKING:
    from collections.abc import Callable

CAPACITY = 4096
LONGEST_IN_PLACE = CAPACITY // 4
PERIOD = bytes(range(251))

Content = tuple[FrameKind, bytes]


def record_bytes(size: int) -> int:
    return 64 + (size + 63) // 64 * 64


class ConsumingBell:
    """A doorbell for one thread: while the producer sleeps, the consumer goes on."""

    def __init__(self, go_on: Callable[[], None]) -> None:
        self.heard = 0
        self._go_on = go_on

    def ring(self) -> bool:
        return True

    def wait(self, timeout_s: float | None = None, *, heard: int | None = None) -> bool:
        if timeout_s == 0:
            return False
        self._go_on()
        return True


@dataclass
class Held:
    """A frame that was received, as the model sees it."""

    frame: Frame
    content: Content
    in_place: bool
    released: bool = False


class QueueMachine(RuleBasedStateMachine):
    """The model is the list of frames sent and not received, and the list of those held."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "queue"
        create(path, CAPACITY)
        self.queue = MappedQueue.open(path)
        self.sent: list[Content] = []
        self.held: list[Held] = []
        self.count = 0
        self.bell = cast("Doorbell", ConsumingBell(self.make_room))
        self.producer = Producer(self.queue, self.bell)
        self.consumer = Consumer(self.queue, self.bell)

    def teardown(self) -> None:
        self.folder.cleanup()

    # -------------------------------------------------------------------------------- what is used

    @property
    def tail(self) -> int:
        return self.queue.longs[8]

    @property
    def head(self) -> int:
        return self.queue.longs[16]

    def content(self, size: int) -> Content:
        self.count += 1
        start = self.count % len(PERIOD)
        kind = FrameKind(1 + self.count % len(FrameKind))
        return kind, (PERIOD * (size // len(PERIOD) + 2))[start : start + size]

    def make_room(self) -> None:
        """What the consumer does while the producer sleeps: let everything go and read what there is."""
        assert self.queue.ints[48] == 1, "who sleeps says so"
        for held in list(self.held):
            self.let_go(held)
        while self.receive_one():
            self.let_go(self.held[-1])

    def let_go(self, held: Held) -> None:
        held.frame.release()
        held.released = True
        while self.held and self.held[0].released:
            self.held.pop(0)

    def receive_one(self) -> bool:
        frame = self.consumer.receive(0)
        if frame is None:
            return False
        content = self.sent.pop(0)
        assert (frame.kind, bytes(frame.payload)) == content
        self.held.append(Held(frame, content, in_place=len(content[1]) <= LONGEST_IN_PLACE))
        return True

    # -------------------------------------------------------------------------------- rules

    @rule(size=st.integers(0, 4 * CAPACITY))
    def send_and_wait(self, size: int) -> None:
        kind, payload = self.content(size)
        self.sent.append((kind, payload))
        self.producer.send(kind, [payload[: size // 3], payload[size // 3 :]])

    @rule(size=st.integers(0, LONGEST_IN_PLACE))
    def send_what_fits(self, size: int) -> None:
        kind, payload = self.content(size)
        rest = CAPACITY - self.tail % CAPACITY
        needed = record_bytes(size) + (rest if rest < record_bytes(size) else 0)
        fits = self.tail + needed - self.head <= CAPACITY
        if fits:
            self.producer.send(kind, payload, timeout_s=0)
            self.sent.append((kind, payload))
        else:
            with pytest.raises(QueueFull):
                self.producer.send(kind, payload, timeout_s=0)

    @rule()
    def receive(self) -> None:
        holding = any(held.in_place and not held.released for held in self.held)
        several = bool(self.sent) and len(self.sent[0][1]) > LONGEST_IN_PLACE
        if several and holding:
            with pytest.raises(BufferError):
                self.consumer.receive(0)
        else:
            expected = bool(self.sent)
            assert self.receive_one() == expected

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release_any(self, data: st.DataObject) -> None:
        self.let_go(self.held[data.draw(st.integers(0, len(self.held) - 1))])

    @rule()
    def restart_consumer(self) -> None:
        partial = self.consumer._partial is not None
        if partial:
            self.sent.pop(0)  # its beginning is gone with the former consumer
        in_place = [held for held in self.held if held.in_place]
        while in_place and in_place[0].released:
            in_place.pop(0)
        self.sent[:0] = [held.content for held in in_place]
        self.held.clear()
        self.consumer = Consumer(self.queue, self.bell)
        if partial and not self.sent:
            assert self.consumer.receive(0) is None, "the rest of that frame is skipped"

    @rule()
    def restart_producer(self) -> None:
        self.producer = Producer(self.queue, self.bell)

    @rule()
    def close_the_producer_and_open_it_again(self) -> None:
        self.producer.close()
        if not self.sent:
            with pytest.raises(EndOfStream):
                self.consumer.receive(0)
        self.restart_producer()

    # -------------------------------------------------------------------------------- invariants

    @invariant()
    def positions_are_aligned_and_never_further_apart_than_the_ring(self) -> None:
        assert 0 <= self.tail - self.head <= CAPACITY
        assert self.tail % 64 == self.head % 64 == 0

    @invariant()
    def frames_that_are_held_do_not_change(self) -> None:
        for held in self.held:
            if not held.released:
                assert bytes(held.frame.payload) == held.content[1]

    @invariant()
    def nobody_says_that_it_sleeps(self) -> None:
        assert (self.queue.ints[48], self.queue.ints[64]) == (0, 0)

    @invariant()
    def a_queue_that_was_read_and_released_is_empty(self) -> None:
        if not self.sent and not self.held:
            assert self.head == self.tail


TestQueue = QueueMachine.TestCase
TestQueue.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
