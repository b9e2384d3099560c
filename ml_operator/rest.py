"""Flink's REST API at one address."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from ml_framework.errors import CommandFailed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyflink.common import Configuration

OWN_FAILURE = "org.mlonflink.node.NodeFailure"
"""It shows its message alone, unless Flink has only a text of it left."""

_ANSWER_WITHIN_S = 5.0
_ON_DEMAND = ("kubernetes.", "yarn.")
"""Prefixes of options of clusters that start TaskManagers by themselves."""


class Rest:
    """Flink's REST API.

    Args:
        address: ``host:port``.
        timeout_s: longest wait for an answer, in seconds.
    """

    def __init__(self, address: str, timeout_s: float = _ANSWER_WITHIN_S) -> None:
        self.address = address
        self._timeout_s = timeout_s
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
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            raise CommandFailed(f"Flink at {self.address} refused: {_reason(error)}") from None
        except (OSError, ValueError, HTTPException) as error:
            raise CommandFailed(
                f"no Flink answers at {self.address} ({_problem(error)}): is the cluster up, and its web "
                "page at this address, too?"
            ) from None


def starts_task_managers(options: Iterable[str]) -> bool:
    """Whether a cluster that has these options starts TaskManagers by itself, when a job needs them."""
    return any(name.startswith(_ON_DEMAND) for name in options)


def session_address(options: Configuration) -> str | None:
    """That of the session cluster that jobs of these options go to; None where they go elsewhere."""
    if options.get_string("execution.target", "") != "remote":
        return None
    return f"{options.get_string('rest.address', 'localhost')}:{options.get_integer('rest.port', 8081)}"


def root_cause(trace: str) -> str:
    """What a Java stack trace says of the innermost cause, in its own words."""
    return trace.rpartition("Caused by: ")[2].strip().removeprefix(f"{OWN_FAILURE}: ")


def _problem(error: Exception) -> str:
    """Why there is no answer, on one line: what is no HTTP is told as it came, up to its end of line."""
    if isinstance(error, HTTPException):
        return f"its answer is no HTTP, or stops halfway: {str(error).strip()!r}"
    return str(getattr(error, "reason", error))


def _reason(error: urllib.error.HTTPError) -> str:
    """The first line of what Flink says was wrong."""
    try:
        said = json.load(error)["errors"]
    except (OSError, ValueError, HTTPException, TypeError, KeyError):
        return f"HTTP {error.code}"
    return str(said[-1]).strip().partition("\n")[0] if said else f"HTTP {error.code}"
