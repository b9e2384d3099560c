"""The client's end when there is no AM, or one that does not answer."""

from __future__ import annotations

import asyncio
import re
import socket
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ml_framework.errors import MasterUnreachable, ProtocolError
from ml_framework.master import MasterConfig, MasterServer
from ml_framework.rpc.channel import MasterClient, MasterConnection, fetch_status
from ml_framework.rpc.wire import ClusterStatus, NodeState, NodeStatus
from ml_framework.spec import JobSpec, NodeId, RoleSpec, Token

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=["deaf", "absent"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where nobody answers: a socket that accepts and says nothing, or one that does not listen."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if request.param == "deaf":
            listener.listen()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_an_unreachable_master_is_named_with_the_time_waited(address: str) -> None:
    """An agent waits for the time to connect, and says where and how long."""
    complaint = re.escape(f"the application master at {address} did not answer within 0.2 s")

    async def run() -> None:
        async with MasterClient(address, "secret", connect=timedelta(seconds=0.2)) as client:
            with pytest.raises(MasterUnreachable, match=complaint):
                await client.attend()

    asyncio.run(run())


def test_the_synchronous_status_is_bounded_too(address: str) -> None:
    """The terminal does not hang."""
    with pytest.raises(MasterUnreachable, match=re.escape(f"{address} did not answer within 0.2 s")):
        fetch_status(address, "secret", 0.2)


def test_who_has_no_patience_is_told_at_once() -> None:
    """Where nobody listens; a socket that is deaf takes its time."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        refusal = pytest.raises(MasterUnreachable, match=re.escape(f"{address} went away: "))
        with MasterConnection(address, "secret", 3600, patient=False) as master, refusal:
            master.status()


def test_the_synchronous_status_is_the_masters() -> None:
    """Asked from a plain thread; a wrong token is told apart from an absent AM."""

    async def run() -> None:
        job = JobSpec("job", (RoleSpec("worker"),))
        async with MasterServer(MasterConfig(job, "secret"), lambda _: None) as server:
            status = await asyncio.to_thread(fetch_status, server.address, "secret", 10)
            node = NodeStatus(NodeId("worker", 0), Token(), NodeState.ABSENT)
            assert status == ClusterStatus("job", "INIT", nodes=(node,))
            with pytest.raises(ProtocolError, match="UNAUTHENTICATED"):
                await asyncio.to_thread(fetch_status, server.address, "wrong", 10)

    asyncio.run(run())
