"""Flink's REST, of an embedded cluster."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

from ml_framework.testing.waiting import eventually


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
        """The job's vertices: name to id."""
        jobs = eventually(lambda: self._jobs())
        job = self.get(f"/jobs/{jobs[0]}")
        return {vertex["name"]: f"/jobs/{jobs[0]}/vertices/{vertex['id']}" for vertex in job["vertices"]}

    def vertex(self, part: str) -> str:
        """The path of the one vertex whose name contains `part`."""
        (path,) = [path for name, path in self.vertices().items() if part in name]
        return path

    def metrics(self, vertex: str, subtask: int = 0) -> dict[str, float]:
        """All metrics of a subtask that are numbers."""
        path = f"{vertex}/subtasks/{subtask}/metrics"
        names = [metric["id"] for metric in self.get(path)]
        found: dict[str, float] = {}
        for start in range(0, len(names), 40):
            asked = ",".join(quote(name) for name in names[start : start + 40])
            for metric in self.get(f"{path}?get={asked}"):
                try:
                    found[metric["id"]] = float(metric["value"])
                except ValueError:
                    continue
        return found

    def _jobs(self) -> list[str]:
        try:
            return [job["id"] for job in self.get("/jobs")["jobs"] if job["status"] == "RUNNING"]
        except OSError:
            return []
