"""A stand-in for Flink's SQL gateway: the part of its REST API that a client of it needs."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

_SESSION = "/v1/sessions/17"
_ROWS = ([1, 25.0, 1, None], [2, 22.0, 1, None])


class FakeGateway:
    """Answers each statement with two rows on two pages, the first of which lets wait once.

    Attributes:
        address: of its REST API.
        heard: statements, and the sessions that were closed.
        refused: a statement that begins so has an error.
    """

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.refused = "\0"
        self._asked: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and content for a request."""
        match method, path.removeprefix(_SESSION).split("/"):
            case "POST", ["", "v1", "sessions"]:
                return 200, {"sessionHandle": "17"}
            case "POST", ["", "statements"]:
                self.heard.append(body["statement"])
                return 200, {"operationHandle": str(len(self.heard))}
            case "GET", ["", "operations", operation, "result", page]:
                return self._page(operation, int(page))
            case "DELETE", [""]:
                self.heard.append("closed")
                return 200, {"status": "CLOSED"}
        return 404, {"errors": [f"{method} {path}"]}

    def _page(self, operation: str, page: int) -> tuple[int, dict[str, Any]]:
        if self.heard[int(operation) - 1].startswith(self.refused):
            return 500, {"errors": ["Internal server error.", "ValidationException: model delay: no"]}
        results = f"{_SESSION}/operations/{operation}/result"
        if operation not in self._asked:
            self._asked.add(operation)
            return 200, {"resultType": "NOT_READY", "nextResultUri": f"{results}/0"}
        if page == len(_ROWS):
            return 200, {"resultType": "EOS", "results": {"data": []}}
        data = [{"kind": "INSERT", "fields": _ROWS[page]}]
        return 200, {
            "resultType": "PAYLOAD",
            "results": {"data": data},
            "nextResultUri": f"{results}/{page + 1}",
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, content = gateway.answer(self.command, self.path, json.loads(body or "{}"))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

            do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the names are given

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        return Handler
