"""Who may look at the page."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = "127.0.0.1"

_NAMES_OF_LOOPBACK = frozenset({"localhost", LOOPBACK, "::1"})


class Access(Protocol):
    """Decides about each request before anything else looks at it.

    Attributes:
        query: what has to stand at the end of the URL that opens the page.
    """

    query: str

    def objection(self, request: Request) -> Response | None:
        """What is answered instead of what was asked for; None lets the request pass."""
        ...


class OnLoopback:
    """Whoever is on this machine may look, by a name of the loopback, whatever the port: it may be forwarded.

    A page from elsewhere whose own name has been made to mean this machine asks by that name.
    """

    query = ""

    def objection(self, request: Request) -> Response | None:
        """Turn those away who ask by another name."""
        if _name(request.headers.get("host", "")) in _NAMES_OF_LOOPBACK:
            return None
        return PlainTextResponse("Open this page by the name localhost.\n", 403)


class ByToken:
    """Whoever knows the token may look: it comes in the URL once, from then on in a cookie."""

    def __init__(self) -> None:
        self._token = secrets.token_urlsafe(32)
        self.query = f"?token={self._token}"

    def objection(self, request: Request) -> Response | None:
        """Turn those without the token away; have the browser keep it, and its address bar forget it."""
        cookie = f"mlflink-{request.scope['server'][1]}"  # a host's cookies are sent to all of its ports
        if self._is_token(request.query_params.get("token", "")):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(cookie, self._token, httponly=True, samesite="strict")
            return answer
        if self._is_token(request.cookies.get(cookie, "")):
            return None
        return PlainTextResponse("Open this page by the URL that the job's terminal shows.\n", 401)

    def _is_token(self, sent: str) -> bool:
        return hmac.compare_digest(sent.encode(), self._token.encode())


class Gate:
    """Hands requests to `app` that `access` has no objection to."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await (self._access.objection(Request(scope)) or self._app)(scope, receive, send)


def _name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
