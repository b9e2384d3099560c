"""A REST API that answers what it is told to."""

from __future__ import annotations

import json
import threading
from collections import deque
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator


class FakeFlink:
    """Answers requests by ``METHOD /path``, and notes what came.

    Attributes:
        answers: by request, without its query; those in a deque one after the other, the last for ever.
        asked: requests and their bodies.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, Any]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fake.asked.append((f"{self.command} {self.path}", json.loads(body or "null")))
                found = fake.answer(f"{self.command} {self.path.partition('?')[0]}")
                self.send_response(404 if found is None else 200)
                self.end_headers()
                self.wfile.write(json.dumps({"errors": ["Not found."]} if found is None else found).encode())

            do_GET = do_POST = do_PATCH = answer  # noqa: N815 - the standard library's

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)

    @contextmanager
    def serving(self) -> Iterator[Self]:
        """Answers in this block, for which a thread runs."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def requests(self) -> list[str]:
        """Those that came, without their bodies."""
        return [request for request, _ in self.asked]

    def answer(self, request: str) -> Any:
        """The next answer to `request`, None for none."""
        found = self.answers.get(request)
        if isinstance(found, deque):
            return found.popleft() if len(found) > 1 else found[0]
        return found

    def tell(self, **jobs: dict[str, Any]) -> None:
        """There are these jobs, each with its id, state and the descriptions of its operators."""
        overview = []
        for name, job in jobs.items():
            entry = {"jid": job["id"], "name": name, "state": job["state"], "start-time": job.get("start", 0)}
            overview.append(entry)
            nodes = [{"description": text} for text in job["operators"]]
            self.answers[f"GET /jobs/{job['id']}"] = {"state": job["state"], "plan": {"nodes": nodes}}
        self.answers["GET /config"] = {"flink-version": "2.3.0"}
        self.answers["GET /jobs/overview"] = {"jobs": overview}
