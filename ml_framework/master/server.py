"""The AM as a whole: a listening server around one executor, from the first word to the last."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cloudpickle
import grpc.aio

from ml_framework.config import (
    PageAccess,
    RestartPolicy,
    Timeouts,
    restart_from_json,
    timeouts_from_json,
)
from ml_framework.errors import PlanError
from ml_framework.host import Host
from ml_framework.master.executor import Executor
from ml_framework.master.gate import Gate
from ml_framework.master.machine import StateMachine, TableMachine
from ml_framework.master.service import Service
from ml_framework.rpc._generated.application_master_pb2_grpc import add_ApplicationMasterServicer_to_server
from ml_framework.rpc.channel import MAX_MESSAGE_BYTES
from ml_framework.rpc.messages import status_to_json
from ml_framework.spec import JobSpec

if TYPE_CHECKING:
    from ml_framework.master.state import State
    from ml_framework.page.server import PageServer

_log = logging.getLogger(__name__)

_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),  # two AMs on one port would each get half of the nodes
    ("grpc.max_concurrent_streams", 16),  # of one connection; an agent needs one
    ("grpc.http2.bdp_probe", 0),  # it lets a fast sender have megabytes under way, we send words
    ("grpc.server_handshake_timeout_ms", 10_000),  # until a connection speaks HTTP/2
    ("grpc.max_connection_idle_ms", 5_000),  # without a call: an agent's lasts as long as the agent
)

Announce = Callable[[Mapping[str, Any]], None]
"""Takes one message of the protocol on standard output."""


@dataclass(frozen=True)
class MasterConfig:
    """What the AM is told at its start. A port 0 takes a free one; `token` is the job's secret."""

    job: JobSpec
    token: str = field(repr=False)
    timeouts: Timeouts = field(default_factory=Timeouts)
    restart: RestartPolicy = field(default_factory=RestartPolicy)
    host: Host = field(default_factory=lambda: Host("127.0.0.1"))
    port: int = 0
    machine: StateMachine = field(default_factory=TableMachine)
    page: PageAccess = "off"
    page_port: int = 0

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MasterConfig:
        """The configuration in the first line of standard input; raises `PlanError` when it is not usable."""
        try:
            pickled = data["machine"]
            return cls(
                job=JobSpec.from_json(data["job"]),
                token=data["token"],
                timeouts=timeouts_from_json(data["timeouts"]),
                restart=restart_from_json(data["restart"]),
                host=Host.from_json(data),
                port=data["port"],
                machine=TableMachine() if pickled is None else cloudpickle.loads(base64.b64decode(pickled)),
                page=data["page"],
                page_port=data["page_port"],
            )
        except (KeyError, TypeError) as error:
            raise PlanError(f"the application master's configuration is not usable: {error!r}") from error


class MasterServer:
    """A running AM. Use as an async context manager; leaving it breaks off every conversation.

    Attributes:
        address: where it is reached, ``host:port``.
    """

    def __init__(self, config: MasterConfig, announce: Announce) -> None:
        self._config = config
        self._announce = announce
        self._executor = Executor(
            config.machine, config.job, config.timeouts, config.restart, announce=self._announce_outcome
        )
        self._server = grpc.aio.server(interceptors=(Gate(config.token),), options=_OPTIONS)
        self._page: PageServer | None = None
        self.address = ""

    async def __aenter__(self) -> MasterServer:
        self._page = await self._open_page()
        url = "" if self._page is None else self._page.url
        add_ApplicationMasterServicer_to_server(Service(self._executor, url), self._server)
        host = self._config.host
        try:
            port = self._server.add_insecure_port(host.listening_at(self._config.port))
        except RuntimeError as error:
            raise PlanError(host.cannot_listen(error)) from error
        await self._server.start()
        self.address = host.reached_at(port)
        page = "" if self._page is None else self._page.address
        self._announce({"event": "listening", "address": self.address, "page": page})
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._executor.close()
        if self._page is not None:
            await self._page.close()
        await self._server.stop(None)

    def stop(self) -> None:
        """Ask for the cluster to be stopped in good order."""
        self._executor.stop()

    @property
    def has_concluded(self) -> bool:
        """Whether the outcome is known and announced."""
        return self._executor.has_concluded

    async def run(self) -> State:
        """Serve until the job has ended and the nodes have taken leave, for which they have their grace."""
        outcome = await self._executor.conclusion()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._config.timeouts.stop_grace.total_seconds()):
                await self._executor.deserted()
        return outcome

    async def _open_page(self) -> PageServer | None:
        """The page, listening; None without one, also where there can be none: no job fails for its page."""
        config = self._config
        if config.page == "off":
            return None
        try:
            from ml_framework.page.server import open_page  # noqa: PLC0415 - not every AM has what it takes

            return await open_page(self._executor, config.host, config.page, config.page_port)
        except (OSError, ImportError) as error:
            _log.warning("there is no page of the cluster, at port %d: %s", config.page_port, error)
            return None

    def _announce_outcome(self, outcome: State, cause: str | None) -> None:
        event = {"event": outcome.value.lower()}
        if cause is None:
            self._announce({**event, "status": status_to_json(self._executor.status())})
        else:
            self._announce({**event, "cause": cause})
