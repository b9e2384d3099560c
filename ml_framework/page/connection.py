"""One connection of a browser, which takes a bounded share of the application master."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

MOST = 64
"""How many connections there are at a time; further ones are closed at once."""

LIFE_S = 30.0
"""How long a connection lives, whatever goes on in it; a browser opens the next by itself."""

LAST_ANSWER_S = 5.0
"""How much longer an answer may take that is on its way then."""


class Connection(H11Protocol):
    """Speaks HTTP/1.1 for `LIFE_S`: nothing is kept for who is silent, stops halfway or does not read."""

    _end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless there are too many."""
        if len(self.connections) >= MOST:
            transport.abort()
            return
        super().connection_made(transport)
        self._end = self.loop.call_later(LIFE_S, self._finish)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if self._end is not None:
            self._end.cancel()
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hear, unless there were too many."""
        if self._end is not None:
            super().data_received(data)

    def _finish(self) -> None:
        self._end = self.loop.call_later(LAST_ANSWER_S, self.transport.abort)
        if not self.transport.is_closing():
            self.shutdown()
