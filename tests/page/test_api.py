"""The page's JSON, asked of an AM whose nodes are played by the test."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support.played import PlayedCluster

from ml_framework.master import samples

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LIMIT_S = 60


def tell(story: Callable[[PlayedCluster, httpx.AsyncClient], Awaitable[None]], **options: Any) -> None:
    """Play `story` with a running cluster and a client of its page."""

    async def run() -> None:
        async with asyncio.timeout(LIMIT_S), PlayedCluster.running(**options) as cluster:
            page = (await cluster.status()).page
            async with httpx.AsyncClient(base_url=page, trust_env=False) as client:
                await story(cluster, client)

    asyncio.run(run())


async def asked(cluster: PlayedCluster) -> None:
    """The page has a request to answer."""
    page = cluster.server._page
    assert page is not None
    while not page._state.tasks:
        await asyncio.sleep(0.01)


async def status_of(client: httpx.AsyncClient) -> Any:
    return (await client.get("/api/status")).json()


def test_the_status_says_all_that_the_master_knows() -> None:
    """State, nodes with what they measured and logged, and how the cluster came there, with times."""

    async def story(cluster: PlayedCluster, client: httpx.AsyncClient) -> None:
        await cluster.nodes[1].beat({"loss": 0.25, "odd": math.nan}, {"rows_in": 12.0})
        await cluster.until(lambda status: status.nodes[1].numbers)
        status = await status_of(client)
        assert (status["job"], status["state"], status["restarts"]) == ("job", "RUNNING", 0)
        assert status["first_cause"] is None
        node = status["nodes"][1]
        assert (node["node"], node["name"], node["state"], node["attempt"], node["pid"]) == (
            "worker/1",
            "worker[1]",
            "running",
            0,
            4001,
        )
        assert node["numbers"] == {"loss": 0.25, "odd": None}
        assert node["measured"] == {"rows_in": 12.0}
        assert 0 <= node["heartbeat_age_s"] < LIMIT_S
        assert [step["state"] for step in status["transitions"]] == ["INIT", "RUNNING"]
        assert status["transitions"][1]["line"].startswith("INIT -> RUNNING: worker[")
        assert status["began_s"] <= status["transitions"][1]["time_s"] <= status["now_s"]
        assert ["RUNNING", "FAILOVER"] in status["edges"]

    tell(story)


def test_an_attempt_that_failed_is_told_with_its_cause() -> None:
    """And the node's next attempt; the samples of both stand in one line."""

    async def story(cluster: PlayedCluster, client: httpx.AsyncClient) -> None:
        await cluster.nodes[0].fail("ValueError: bad value", time_s=77.0)
        await cluster.until(lambda status: [node.token.attempt for node in status.nodes] == [1, 1])
        await cluster.until(lambda status: status.state == "RUNNING")
        status = await status_of(client)
        assert status["restarts"] == 1
        assert status["nodes"][0]["ends"] == [
            {"attempt": 0, "outcome": "failed", "cause": "ValueError: bad value", "time_s": 77.0}
        ]
        assert [step["state"] for step in status["transitions"]] == [
            "INIT",
            "RUNNING",
            "FAILOVER",
            "INIT",
            "RUNNING",
        ]

    tell(story)


def test_a_node_that_is_lost_has_ended_too() -> None:
    """With the reason, and when."""

    async def story(cluster: PlayedCluster, client: httpx.AsyncClient) -> None:
        before_s = time.time()
        await cluster.nodes[1].leave()
        await cluster.until(lambda status: status.nodes[1].ends)
        [end] = (await status_of(client))["nodes"][1]["ends"]
        assert (end["attempt"], end["outcome"], end["cause"]) == (0, "lost", "its agent went away")
        assert before_s <= end["time_s"] <= time.time()

    tell(story)


def test_the_first_cause_of_a_failed_job_is_told_before_the_page_goes() -> None:
    """Whoever waits for another state hears of it at once."""

    async def story(cluster: PlayedCluster, client: httpx.AsyncClient) -> None:
        waiting = asyncio.create_task(client.get("/api/status", params={"state": "RUNNING"}))
        await asked(cluster)
        assert not waiting.done()
        await cluster.nodes[0].fail("MemoryError")
        status = (await waiting).json()
        assert status["state"] == "FAILED"
        assert status["first_cause"] == "worker[0] attempt 0: MemoryError\nthe traceback"

    tell(story, budget=0)


def test_whoever_waits_is_answered_when_the_master_ends() -> None:
    """Nobody is kept, and nothing keeps the AM."""

    async def run() -> httpx.Response:
        async with asyncio.timeout(LIMIT_S), PlayedCluster.running() as cluster:
            page = (await cluster.status()).page
            client = httpx.AsyncClient(base_url=page, trust_env=False)
            waiting = asyncio.create_task(client.get("/api/status", params={"state": "RUNNING"}))
            await asked(cluster)
        answer = await waiting
        with pytest.raises(httpx.ConnectError):
            await client.get("/")
        await client.aclose()
        return answer

    assert asyncio.run(run()).json()["state"] == "RUNNING"


def test_the_history_holds_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """By column, from the sample on that was asked for; what is not a number is null."""
    monkeypatch.setattr(samples, "INTERVAL_S", 0.0)
    monkeypatch.setattr(samples, "_EARLY_S", 0.0)

    async def story(cluster: PlayedCluster, client: httpx.AsyncClient) -> None:
        node = cluster.nodes[0]
        for step in range(3):
            await node.beat({"loss": 1.0 / (1 + step)}, {"rows_in": 10.0 * step, "step_ms": math.inf})
        await node.beat({"auc": 0.5})
        await cluster.until(lambda status: "auc" in status.nodes[0].numbers)
        history = (await client.get("/api/history", params={"node": "worker/0"})).json()
        assert history["taken"] == len(history["times_s"]) == 4
        assert history["measured"] == {"rows_in": [0.0, 10.0, 20.0, 20.0], "step_ms": [None] * 4}
        assert history["numbers"] == {"loss": [1.0, 0.5, 1 / 3, 1 / 3], "auc": [None, None, None, 0.5]}
        later = (await client.get("/api/history", params={"node": "worker/0", "after": 3})).json()
        assert later["numbers"] == {"loss": [1 / 3], "auc": [0.5]}
        assert later["times_s"] == history["times_s"][3:]
        nothing = (await client.get("/api/history", params={"node": "worker/0", "after": 4})).json()
        assert (nothing["taken"], nothing["times_s"]) == (4, [])

    tell(story)


def test_the_log_is_read_in_whole_characters() -> None:
    """A character that is cut is read with the next piece."""

    async def story(cluster: PlayedCluster, client: httpx.AsyncClient) -> None:
        cluster.nodes[0].log = "größer\n".encode()[:3]
        piece = (await client.get("/api/log", params={"node": "worker/0", "offset": 0})).json()
        assert piece == {
            "text": "gr",
            "offset": 0,
            "next": 2,
            "size": 3,
            "path": "/logs/attempt_0/worker-0.log",
        }
        cluster.nodes[0].log = "größer\n".encode()
        rest = (await client.get("/api/log", params={"node": "worker/0", "offset": piece["next"]})).json()
        assert (rest["text"], rest["next"]) == ("ößer\n", 9)
        tail = (await client.get("/api/log", params={"node": "worker/0", "offset": -3})).json()
        assert (tail["text"], tail["offset"]) == ("er\n", 6)

    tell(story)


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        ("/api/log?node=worker", 400, "ask with node=role/index and offset=bytes"),
        ("/api/log?node=worker/x", 400, "ask with node=role/index and offset=bytes"),
        ("/api/log?node=worker/0&offset=1e3", 400, "ask with node=role/index and offset=bytes"),
        ("/api/log?node=worker/9", 404, "worker[9] is no node of job 'job'"),
        ("/api/history?node=worker/0&after=-", 400, "ask with node=role/index and after=samples"),
        ("/api/history?node=worker/9", 404, "worker[9] has told nothing yet"),
    ],
)
def test_what_cannot_be_answered_is_said(path: str, code: int, said: str) -> None:
    async def story(_cluster: PlayedCluster, client: httpx.AsyncClient) -> None:
        answer = await client.get(path)
        assert (answer.status_code, answer.json()) == (code, {"error": said})

    tell(story)


def test_the_page_itself_is_served_and_nothing_else() -> None:
    """Its files, under a policy that lets them load nothing from elsewhere; nothing can be changed."""

    async def story(_cluster: PlayedCluster, client: httpx.AsyncClient) -> None:
        page = await client.get("/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "<title>ml-on-flink</title>" in page.text
        kinds = {"page.js": "text/javascript", "page.css": "text/css", "icon.svg": "image/svg+xml"}
        for name, kind in kinds.items():
            file = await client.get(f"/{name}")
            assert (file.status_code, file.headers["content-type"].partition(";")[0]) == (200, kind)
            assert "://" not in file.text.replace("http://www.w3.org/2000/svg", "")
        for answer in (page, await client.get("/nothing"), await client.get("/api/log")):
            assert answer.headers["content-security-policy"].startswith(
                "default-src 'none'; script-src 'self';"
            )
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "access-control-allow-origin" not in answer.headers
            assert "server" not in answer.headers
        for path in ("/nothing", "/../api.py", "/%2e%2e/api.py", "/static/page.js"):
            assert (await client.get(path)).status_code == 404
        for path in ("/", "/api/status", "/api/log"):
            assert (await client.post(path, content=b"x")).status_code == 405

    tell(story)
