"""A job goes on while strangers do what they like at the port of its application master."""

from __future__ import annotations

import asyncio
import resource
import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import grpc
import psutil
import pytest
from support import strangers

from ml_framework.codec import Schema, plan_layout
from ml_framework.config import RestartPolicy, Timeouts
from ml_framework.errors import ProtocolError
from ml_framework.rpc.channel import MAX_MESSAGE_BYTES, MasterClient, fetch_status
from ml_framework.rpc.wire import Refuse, Registered
from ml_framework.spec import NodeId, Token
from ml_framework.testing.local_cluster import LocalCluster, LocalResult, python_role
from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

ATTACKS = (
    strangers.silent,
    strangers.silent_after_opening,
    strangers.half_a_header,
    strangers.garbage,
    strangers.open_streams,
    strangers.half_a_message,
    strangers.reads_nothing,
    strangers.gives_up_at_once,
)
FILES = 512
"""Soft limit of open files that the AM is started with: fewer than there are strangers."""
MEMORY_BYTES = 128 << 20
"""What the AM may grow by; it does by some 40 MiB, of which 10 are a thousand connections."""
ANSWER_S = 10.0
ALL_LEFT_S = 30.0
"""The AM closes connections itself after 10 s at most, of calls or without."""


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """Two workers that add one, whose AM was started with few files."""
    plans = {
        "input_layout": plan_layout(Schema.parse([("x", "BIGINT NOT NULL")])).to_json(),
        "output_layout": plan_layout(Schema.parse([("y", "BIGINT NOT NULL")])).to_json(),
    }
    role = python_role("worker", "ml_framework.testing.programs:add_one", parallelism=2, **plans)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        pytest.skip(f"a thousand strangers need more open files than the hard limit of {hard}")
    timeouts = Timeouts(stop_grace=timedelta(seconds=1))
    cluster = LocalCluster([role], timeouts=timeouts, restart=RestartPolicy(budget=0), execution_attempt=1)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
    try:
        with cluster:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            eventually(lambda: all(node.pid for node in cluster.status().nodes))
            yield cluster
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def address_of(cluster: LocalCluster) -> strangers.Address:
    host, _, port = cluster.address.rpartition(":")
    return host, int(port)


class Watch:
    """Asks the AM for its status all the time, and looks at its memory and files."""

    def __init__(self, cluster: LocalCluster) -> None:
        self._cluster = cluster
        self.process = psutil.Process(cluster.master.pid)
        self.states: set[str] = set()
        self.slowest_s = 0.0
        self.largest_bytes = 0
        self.most_files = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        over = threading.Event()
        asking = threading.Thread(target=self._ask, args=(over,))
        asking.start()
        try:
            yield
        finally:
            over.set()
            asking.join()

    def _ask(self, over: threading.Event) -> None:
        while not over.wait(0.02):
            began_s = time.monotonic()
            try:
                self.states.add(fetch_status(self._cluster.address, self._cluster.token, ANSWER_S).state)
            except Exception as error:  # noqa: BLE001 - it would end the thread unseen
                self.states.add(repr(error))
            self.slowest_s = max(self.slowest_s, time.monotonic() - began_s)
            self.largest_bytes = max(self.largest_bytes, self.process.memory_info().rss)
            self.most_files = max(self.most_files, self.process.num_fds())


def test_a_job_goes_on_among_strangers(cluster: LocalCluster) -> None:
    """Rows are answered between the attacks, the AM answers all along, and keeps nothing for strangers."""
    address = address_of(cluster)
    ends = [cluster.nodes["worker", index].flink for index in (0, 1)]
    watch = Watch(cluster)
    files, memory = watch.process.num_fds(), watch.process.memory_info().rss
    with ExitStack() as held, watch():
        for number, attack in enumerate(ATTACKS):
            for connection in attack(address):
                held.enter_context(connection)
            for end in ends:
                end.feed(x=[number, number + 100])
        assert strangers.whole_messages(address, MAX_MESSAGE_BYTES - 100, calls=80) == {
            grpc.StatusCode.UNAUTHENTICATED
        }
        assert strangers.large_headers(address, 1 << 20) is grpc.StatusCode.RESOURCE_EXHAUSTED
        # While their ends are open still; the watch has a connection of its own.
        eventually(lambda: watch.process.num_fds() <= files + 2, timeout_s=ALL_LEFT_S)
    eventually(lambda: watch.process.num_fds() <= files)
    for end in ends:
        end.end()
    assert cluster.wait() == LocalResult("finished")
    for end in ends:
        assert end.rows()["y"] == [y for number in range(len(ATTACKS)) for y in (number + 1, number + 101)]
    assert watch.states == {"RUNNING"}
    assert watch.slowest_s < ANSWER_S
    assert watch.most_files > files + 1000
    assert watch.largest_bytes < memory + MEMORY_BYTES


async def _intrude(cluster: LocalCluster) -> None:
    for token in ("", "wrong", f"{cluster.token}and-more"):
        async with MasterClient(cluster.address, token) as stranger:
            for call in (
                stranger.attend(),
                asyncio.to_thread(fetch_status, cluster.address, token, ANSWER_S),
            ):
                with pytest.raises(ProtocolError, match="UNAUTHENTICATED"):
                    await call
    async with MasterClient(cluster.address, cluster.token) as left_over:
        attendance = await left_over.attend()
        node = NodeId("worker", 0)
        await attendance.send(Registered(node, Token(0, 7), "127.0.0.1:1"))
        refusals = [command async for command in attendance]
    assert [type(refusal) for refusal in refusals] == [Refuse]
    assert "stale" in refusals[0].reason


def test_neither_strangers_nor_those_left_over_take_part(cluster: LocalCluster) -> None:
    """Without the token nothing is said or done; with it a node of an attempt before this one is refused."""
    before = [(node.address, node.pid, node.token) for node in cluster.status().nodes]
    for _ in range(20):
        asyncio.run(_intrude(cluster))
    assert [(node.address, node.pid, node.token) for node in cluster.status().nodes] == before
    for index in (0, 1):
        end = cluster.nodes["worker", index].flink
        end.feed(x=[index])
        end.end()
        assert end.rows()["y"] == [index + 1]
    assert cluster.wait() == LocalResult("finished")
