"""What a producer and a consumer promise, and the four answers that are four different things."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml_framework.byte_queue import Consumer, Frame, FrameKind
from ml_framework.byte_queue.layout import CONSUMER, FIRST, LAST
from ml_framework.errors import EndOfStream, PeerLost, ProtocolError, QueueClosed, QueueFull

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Pair

LIMIT_S = 60


def receive(consumer: Consumer) -> Frame:
    frame = consumer.receive(LIMIT_S)
    assert frame is not None
    return frame


def take(consumer: Consumer) -> tuple[FrameKind, bytes]:
    frame = receive(consumer)
    content = frame.kind, bytes(frame.payload)
    frame.release()
    return content


def fill(pair: Pair, size: int = 1000) -> int:
    """Send frames until there is no room; how many."""
    for count in range(100):
        try:
            pair.producer.send(FrameKind.BATCH, bytes(size), timeout_s=0)
        except QueueFull:
            return count
    raise AssertionError("the queue is never full")


# -------------------------------------------------------------------------------- frames


def test_frames_come_out_in_order_with_their_kinds(pair: Pair) -> None:
    pair.producer.send(FrameKind.BATCH, b"rows")
    pair.producer.send_number(FrameKind.CHECKPOINT, -(2**63))
    pair.producer.send(FrameKind.END)
    assert take(pair.consumer) == (FrameKind.BATCH, b"rows")
    checkpoint = receive(pair.consumer)
    assert (checkpoint.kind, checkpoint.number) == (FrameKind.CHECKPOINT, -(2**63))
    assert take(pair.consumer) == (FrameKind.END, b"")


def test_a_frame_without_payload_is_no_end(pair: Pair) -> None:
    pair.producer.send(FrameKind.BATCH)
    assert take(pair.consumer) == (FrameKind.BATCH, b"")


@pytest.mark.parametrize("size", [3, 300], ids=["one record", "several records"])
def test_the_parts_of_a_frame_are_joined_whatever_their_shape(pair: Pair, size: int) -> None:
    matrix = np.arange(2 * size, dtype=np.float32).reshape(size, 2)
    parts = [b"head", np.empty((0, 4), np.int64), matrix, memoryview(b"tail"), bytearray()]
    sender = threading.Thread(target=pair.producer.send, args=(FrameKind.BATCH, parts))
    sender.start()
    assert take(pair.consumer) == (FrameKind.BATCH, b"head" + matrix.tobytes() + b"tail")
    sender.join(LIMIT_S)


def test_a_frame_of_one_record_is_read_in_place_and_aligned(pair: Pair) -> None:
    for size in (1, 1024, 64, 100, 1024, 1024):
        pair.producer.send(FrameKind.BATCH, bytes(size))
        frame = receive(pair.consumer)
        array = np.frombuffer(frame.payload, np.uint8)
        assert array.__array_interface__["data"][0] % 64 == 0
        assert array.size == size
        frame.release()


@pytest.mark.parametrize("size", [1025, 4096, 5000, 4 * 4096 + 1])
def test_a_frame_larger_than_a_record_even_than_the_ring_gets_through(pair: Pair, size: int) -> None:
    payload = os.urandom(size)
    sender = threading.Thread(target=pair.producer.send, args=(FrameKind.BATCH, payload))
    sender.start()
    assert take(pair.consumer) == (FrameKind.BATCH, payload)
    sender.join(LIMIT_S)
    assert not sender.is_alive()


def test_a_frame_that_carries_no_number_says_so(pair: Pair) -> None:
    pair.producer.send(FrameKind.WATERMARK, b"1234")
    with pytest.raises(ProtocolError, match="WATERMARK frame of 4 bytes"):
        _ = receive(pair.consumer).number


def test_bytes_that_are_no_record_are_a_protocol_error(pair: Pair) -> None:
    pair.producer.send(FrameKind.BATCH, b"rows")
    with pair.path.open("r+b") as file:
        file.seek(4096 + 4)
        file.write(b"\x63")
    with pytest.raises(ProtocolError, match="no record at position 0: length 4, kind 99"):
        pair.consumer.receive(0)


# -------------------------------------------------------------------------------- holding


def test_frames_may_be_held_and_released_in_any_order(pair: Pair) -> None:
    for number in range(3):
        pair.producer.send(FrameKind.BATCH, bytes([number]) * 1000)
    first, second, third = (receive(pair.consumer) for _ in range(3))
    second.release()
    third.release()
    assert fill(pair) == 0, "the first frame is still in the way"
    assert bytes(first.payload) == bytes(1000)
    first.release()
    first.release()
    assert fill(pair) == 3


def test_a_frame_of_several_records_waits_until_nothing_is_held(make_pair: Callable[..., Pair]) -> None:
    pair = make_pair(8192)
    pair.producer.send(FrameKind.BATCH, b"held")
    pair.producer.send(FrameKind.BATCH, bytes(3000))
    held = receive(pair.consumer)
    for _ in range(2):
        with pytest.raises(BufferError, match="release the 1 held"):
            pair.consumer.receive(0)
    held.release()
    assert take(pair.consumer) == (FrameKind.BATCH, bytes(3000))


def test_an_array_over_a_frame_outlives_the_ends(make_pair: Callable[..., Pair]) -> None:
    pair = make_pair()
    pair.producer.send(FrameKind.BATCH, b"rows")
    array = np.frombuffer(receive(pair.consumer).payload, np.uint8)
    pair.consumer.close()
    del pair
    assert array.tobytes() == b"rows"


# -------------------------------------------------------------------------------- four answers


def test_full_is_told_in_time_and_writes_nothing(pair: Pair) -> None:
    count = fill(pair)
    before = pair.path.read_bytes()
    start = time.monotonic()
    for size in (1000, 50_000):
        with pytest.raises(QueueFull, match=r"within 0\.05 s"):
            pair.producer.send(FrameKind.BATCH, b"x" * size, timeout_s=0.05)
    assert 0.1 <= time.monotonic() - start < 5
    assert pair.path.read_bytes() == before
    assert [take(pair.consumer) for _ in range(count)] == [(FrameKind.BATCH, bytes(1000))] * count


def test_a_full_queue_blocks_until_a_frame_is_released(pair: Pair) -> None:
    fill(pair)
    sender = threading.Thread(target=pair.producer.send, args=(FrameKind.END,))
    fill(pair, 0)
    sender.start()
    seen = [take(pair.consumer)[0]]
    while seen[-1] != FrameKind.END:
        seen.append(take(pair.consumer)[0])
    sender.join(LIMIT_S)
    assert not sender.is_alive()


def test_nothing_in_time_is_none(pair: Pair) -> None:
    assert pair.consumer.receive(0) is None
    assert pair.consumer.receive(0.01) is None


def test_the_end_of_the_stream_comes_behind_every_frame_and_stays(pair: Pair) -> None:
    pair.producer.send(FrameKind.BATCH, b"last")
    pair.producer.close()
    pair.producer_bell.close()
    assert take(pair.consumer) == (FrameKind.BATCH, b"last")
    for timeout_s in (0, None):
        with pytest.raises(EndOfStream):
            pair.consumer.receive(timeout_s)


def test_closing_wakes_a_consumer_that_sleeps(pair: Pair) -> None:
    closer = threading.Thread(target=pair.producer.close)
    closer.start()
    with pytest.raises(EndOfStream):
        pair.consumer.receive(LIMIT_S)
    closer.join(LIMIT_S)


def test_an_end_that_was_closed_by_its_owner_is_closed(pair: Pair) -> None:
    pair.producer.send(FrameKind.BATCH, b"rows")
    frame = receive(pair.consumer)
    for end in (pair.producer, pair.consumer):
        end.close()
        end.close()
    frame.release()
    with pytest.raises(QueueClosed, match="this end"):
        pair.producer.send(FrameKind.END)
    with pytest.raises(QueueClosed, match="this end"):
        pair.consumer.receive(0)


def test_a_queue_that_its_consumer_closed_takes_no_more(pair: Pair) -> None:
    fill(pair)
    closer = threading.Thread(target=pair.consumer.close)
    closer.start()
    with pytest.raises(QueueClosed, match="by its consumer"):
        pair.producer.send(FrameKind.BATCH, bytes(1000), timeout_s=LIMIT_S)
    closer.join(LIMIT_S)
    pair.consumer_bell.close()
    with pytest.raises(QueueClosed, match="by its consumer"):
        pair.producer.send(FrameKind.END)


@pytest.mark.parametrize("timeout_s", [0, LIMIT_S, None])
def test_a_lost_producer_is_told_behind_its_last_frame(pair: Pair, timeout_s: float | None) -> None:
    pair.producer.send(FrameKind.BATCH, b"last")
    pair.producer_bell.close()
    assert take(pair.consumer) == (FrameKind.BATCH, b"last")
    for _ in range(2):
        with pytest.raises(PeerLost):
            pair.consumer.receive(timeout_s)


def test_a_lost_consumer_is_told_where_it_would_be_waited_for(pair: Pair) -> None:
    fill(pair)
    pair.consumer_bell.close()
    with pytest.raises(PeerLost):
        pair.producer.send(FrameKind.BATCH, bytes(1000))


def test_a_consumer_lost_in_its_sleep_is_told_at_the_next_frame(pair: Pair) -> None:
    pair.consumer_bell.close()
    with pair.path.open("r+b") as file:
        file.seek(CONSUMER.waits)
        file.write(b"\x01")  # it says that it sleeps
    with pytest.raises(PeerLost):
        pair.producer.send(FrameKind.BATCH, b"nobody hears this")


# -------------------------------------------------------------------------------- doorbell


def test_the_bell_rings_only_for_an_end_that_sleeps(pair: Pair) -> None:
    for _ in range(10):
        pair.producer.send(FrameKind.BATCH, bytes(1000))
        take(pair.consumer)
    assert not pair.consumer_bell.wait(0)
    assert not pair.producer_bell.wait(0)


# -------------------------------------------------------------------------------- restarts


def test_a_new_consumer_reads_again_what_was_not_released(pair: Pair) -> None:
    for payload in (b"one", b"two", b"three"):
        pair.producer.send(FrameKind.BATCH, payload)
    assert take(pair.consumer)[1] == b"one"
    receive(pair.consumer)
    receive(pair.consumer).release()
    consumer = pair.new_consumer()
    assert [take(consumer)[1] for _ in range(2)] == [b"two", b"three"]


def test_a_new_consumer_opens_a_queue_that_the_former_one_closed(pair: Pair) -> None:
    pair.consumer.close()
    consumer = pair.new_consumer()
    pair.producer.send(FrameKind.BATCH, b"rows")
    assert take(consumer)[1] == b"rows"


def test_a_new_consumer_skips_the_rest_of_a_frame_whose_beginning_is_gone(pair: Pair) -> None:
    pair.producer._put(FrameKind.BATCH, FIRST, [b"first part"], 10, None)
    assert pair.consumer.receive(0) is None
    consumer = pair.new_consumer()
    pair.producer._put(FrameKind.BATCH, LAST, [b"last part"], 9, None)
    pair.producer.send(FrameKind.BATCH, b"next")
    assert take(consumer) == (FrameKind.BATCH, b"next")


def test_a_frame_that_its_producer_never_finished_is_dropped(make_pair: Callable[..., Pair]) -> None:
    pair = make_pair(8192)
    unfinished = pair.new_producer()
    unfinished._put(FrameKind.BATCH, FIRST, [b"first part"], 10, None)
    assert pair.consumer.receive(0) is None
    producer = pair.new_producer()
    producer.send(FrameKind.BATCH, b"whole")
    producer.send(FrameKind.BATCH, b"x" * 3000)
    assert take(pair.consumer) == (FrameKind.BATCH, b"whole")
    assert take(pair.consumer) == (FrameKind.BATCH, b"x" * 3000)


def test_a_new_producer_goes_on_behind_the_former_one(pair: Pair) -> None:
    pair.producer.send(FrameKind.BATCH, b"one")
    pair.producer.close()
    pair.new_producer().send(FrameKind.BATCH, b"two")
    assert [take(pair.consumer)[1] for _ in range(2)] == [b"one", b"two"]
    assert pair.consumer.receive(0) is None


# -------------------------------------------------------------------------------- draining


def test_a_producer_hears_when_everything_was_released(pair: Pair) -> None:
    pair.producer.send(FrameKind.BATCH, b"rows")
    pair.producer.close()
    frame = receive(pair.consumer)
    assert not pair.producer.drain(timeout_s=0.01)
    drained = threading.Thread(target=pair.producer.drain)
    drained.start()
    frame.release()
    with pytest.raises(EndOfStream):
        pair.consumer.receive(LIMIT_S)  # rings before it sleeps
    drained.join(LIMIT_S)
    assert not drained.is_alive()


def test_a_producer_does_not_wait_for_a_consumer_that_takes_no_more(pair: Pair) -> None:
    pair.producer.send(FrameKind.BATCH, b"rows")
    pair.consumer.close()
    with pytest.raises(QueueClosed, match="closed by its consumer"):
        pair.producer.drain()
