"""What the page's browser can ask for: the page itself, and what the AM knows, as JSON."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import suppress
from importlib import resources
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ml_framework.errors import LogUnavailable
from ml_framework.page import forms
from ml_framework.spec import NodeId

if TYPE_CHECKING:
    from starlette.requests import Request

    from ml_framework.page.view import View

WAIT_S = 1.0
"""How long a viewer waits who knows the present state already."""

PIECE_BYTES = 64 * 1024
"""Longest piece of a log."""

_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FIRST = "index.html"
_OFFSET = re.compile("-?[0-9]{1,18}")


def application(view: View) -> Starlette:
    """The page of `view`: nothing in it changes anything."""
    api = _Api(view)
    return Starlette(
        routes=[
            *_static(),
            Route("/api/status", api.status, methods=["GET"]),
            Route("/api/history", api.history, methods=["GET"]),
            Route("/api/log", api.log, methods=["GET"]),
        ]
    )


def _static() -> list[Route]:
    """A route for each file of the page, which are read now."""
    folder = resources.files("ml_framework.page").joinpath("static")
    return [_file(file.name, file.read_bytes()) for file in folder.iterdir() if file.is_file()]


def _file(name: str, content: bytes) -> Route:
    media_type = _TYPES[name[name.rindex(".") :]]

    async def answer(_request: Request) -> Response:
        return Response(content, media_type=media_type)

    return Route("/" if name == _FIRST else f"/{name}", answer, methods=["GET"])


class _Api:
    def __init__(self, view: View) -> None:
        self._view = view
        self._began_s = time.time()

    async def status(self, request: Request) -> Response:
        """The cluster; whoever says with ``state`` which one he has seen waits up to `WAIT_S` for another."""
        if request.query_params.get("state") == self._view.status().state:
            with suppress(TimeoutError):
                async with asyncio.timeout(WAIT_S):
                    await self._view.moved()
        return JSONResponse(forms.status(self._view, self._began_s))

    async def history(self, request: Request) -> Response:
        """The samples of ``node`` behind the first ``after``."""
        node, after = _node(request), _number(request, "after", 0)
        if node is None or after is None:
            return _error("ask with node=role/index and after=samples", 400)
        series = self._view.series(node, after)
        if series is None:
            return _error(f"{node} has told nothing yet", 404)
        return JSONResponse(forms.series(series))

    async def log(self, request: Request) -> Response:
        """A piece of the log of ``node`` from byte ``offset`` on, or as many before its end."""
        node, offset = _node(request), _number(request, "offset", -PIECE_BYTES)
        if node is None or offset is None:
            return _error("ask with node=role/index and offset=bytes", 400)
        try:
            piece = await self._view.read_log(node, offset, PIECE_BYTES)
        except LogUnavailable as error:
            return _error(str(error), 404)
        return JSONResponse(forms.piece(piece))


def _node(request: Request) -> NodeId | None:
    try:
        return NodeId.parse(request.query_params.get("node", ""))
    except ValueError:
        return None


def _number(request: Request, name: str, default: int) -> int | None:
    given = request.query_params.get(name, str(default))
    return int(given) if _OFFSET.fullmatch(given) else None


def _error(text: str, code: int) -> Response:
    return JSONResponse({"error": text}, code)
