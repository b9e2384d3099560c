"""Flink's REST API at one address."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from ml_framework.errors import CommandFailed

_ANSWER_WITHIN_S = 5.0


class Rest:
    """Flink's REST API.

    Args:
        address: ``host:port``.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str) -> Any:
        """What it answers.

        Raises:
            CommandFailed: nobody answers there, or not as Flink does, or Flink refuses.
        """
        return self._ask(path)

    def send(self, path: str, body: dict[str, Any] | None = None, *, method: str = "POST") -> Any:
        """Have it do something; raises as `get` does."""
        return self._ask(path, json.dumps(body or {}).encode(), method)

    def answers(self) -> bool:
        """Whether a Flink answers there."""
        try:
            return "flink-version" in self.get("config")
        except CommandFailed:
            return False

    def _ask(self, path: str, body: bytes | None = None, method: str | None = None) -> Any:
        url = f"http://{self.address}/{path}"
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, body, headers, method=method)
        try:
            with self._opener.open(request, timeout=_ANSWER_WITHIN_S) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            raise CommandFailed(f"Flink at {self.address} refused: {_reason(error)}") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise CommandFailed(
                f"no Flink answers at {self.address} ({reason}): is the cluster up, and its web page at this "
                "address, too?"
            ) from None


def _reason(error: urllib.error.HTTPError) -> str:
    """The first line of what Flink says was wrong."""
    try:
        said = json.load(error)["errors"]
    except (ValueError, KeyError):
        return f"HTTP {error.code}"
    return str(said[-1]).strip().partition("\n")[0] if said else f"HTTP {error.code}"
