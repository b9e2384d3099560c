"""Flink's REST, of an embedded cluster."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

from ml_framework.testing.waiting import eventually

_AT_ONCE = 40
"""Metrics that one request asks for."""


class Rest:
    """What Flink tells of the one job that runs on a cluster.

    Args:
        port: that the cluster listens on.
    """

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def get(self, path: str) -> Any:
        """The answer to a request."""
        with urlopen(self._url + path, timeout=5) as reply:
            return json.load(reply)

    def vertices(self) -> dict[str, str]:
        """The vertices of the job, name to path, once all of them run; empty before."""
        try:
            running = [job["id"] for job in self.get("/jobs")["jobs"] if job["status"] == "RUNNING"]
            vertices = self.get(f"/jobs/{running[0]}")["vertices"] if running else []
        except OSError:  # nobody listens yet
            return {}
        if any(vertex["status"] not in {"RUNNING", "FINISHED"} for vertex in vertices):
            return {}
        return {vertex["name"]: f"/jobs/{running[0]}/vertices/{vertex['id']}" for vertex in vertices}

    def vertex(self, part: str) -> str:
        """The path of the one vertex whose name contains `part`, once the job runs."""
        vertices = eventually(self.vertices, timeout_s=60)
        (path,) = [path for name, path in vertices.items() if part in name]
        return path

    def counts(self, vertex: str) -> dict[str, float]:
        """What the UI shows of a vertex: bytes and records, in and out, over all subtasks."""
        job, _, vertex_id = vertex.partition("/vertices/")
        (found,) = [one for one in self.get(job)["vertices"] if one["id"] == vertex_id]
        return dict(found["metrics"])

    def times(self, vertex: str, subtask: int = 0) -> dict[str, float]:
        """Shares of a second in which a subtask is back-pressured (``ratio``), idle and busy."""
        subtasks = self.get(f"{vertex}/backpressure").get("subtasks", [])
        return dict(subtasks[subtask]) if subtasks else {}

    def metrics(self, vertex: str, subtask: int = 0) -> dict[str, float]:
        """All metrics of a subtask that are numbers."""
        path = f"{vertex}/subtasks/{subtask}/metrics"
        names = [quote(metric["id"], safe="") for metric in self.get(path)]
        found: dict[str, float] = {}
        for start in range(0, len(names), _AT_ONCE):
            for metric in self.get(f"{path}?get={','.join(names[start : start + _AT_ONCE])}"):
                with suppress(ValueError):  # no number
                    found[metric["id"]] = float(metric["value"])
        return found

    def numbers(self, vertex: str, subtask: int = 0) -> dict[str, float]:
        """The numbers of a node, without what Flink puts before their names."""
        found = {name.partition(".mlflink."): value for name, value in self.metrics(vertex, subtask).items()}
        return {name: value for (_, ours, name), value in found.items() if ours}
