"""A short part of the suite, and what the suite says about itself."""

from __future__ import annotations

import json
import signal
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from chaos import __main__ as program
from chaos import report
from chaos.checks import violations
from chaos.cluster import Embedded
from chaos.counts import counts_of
from chaos.draw import SCENARIOS, draw
from chaos.run import run
from chaos.stage import Entry, Ordered, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.flink
@pytest.mark.usefixtures("gateway")
def test_a_run_comes_out_exactly(tmp_path: Path) -> None:
    """Whatever dies, and when checkpoints fail, also the final one: nothing is missed, doubled or left."""
    drawn = draw(176, "plain", embedded=True)
    outcome = run(drawn, Embedded(), tmp_path / "run")
    assert outcome.clean, outcome.to_json()
    assert [struck.fault for struck in outcome.struck if struck.hit] == list(drawn.phases[0].faults)


def test_a_seed_says_everything() -> None:
    """Any run can be had again, and seeds differ."""
    assert [draw(seed) for seed in range(50)] == [draw(seed) for seed in range(50)]
    assert len({draw(seed).rows for seed in range(50)}) > 40
    assert {draw(seed).scenario for seed in range(50)} == set(SCENARIOS)


def test_counts_add_up_over_any_split_and_tell_of_each_record() -> None:
    """A doubled record does not make up for a missed one."""
    ids = np.arange(1, 1001)
    parts = np.array_split(np.random.default_rng(1).permutation(ids), 7)
    assert sum(map(counts_of, parts), np.zeros(1, np.int64)).tolist() == counts_of(ids).tolist()
    swapped = np.where(ids == 17, 33, ids)  # of the same bucket
    assert counts_of(swapped).tolist() != counts_of(ids).tolist()


def test_a_run_that_missed_or_doubled_anything_is_seen(tmp_path: Path) -> None:
    """In the output and in the result, also where a rank had ended before with another one."""
    drawn = replace(draw(1, "plain"), rows=100)
    exact = json.dumps(counts_of(np.arange(1, 101)).tolist())
    forgot = json.dumps(counts_of(np.arange(2, 101)).tolist())
    (tmp_path / "rows").mkdir()
    ids = list(range(1, 101))

    def seen(rows: list[int], results: list[str]) -> list[str]:
        (tmp_path / "rows" / "part").write_text("".join(f"{row}\n" for row in rows))
        (tmp_path / "result-0-1").write_text("".join(f"{result}\n" for result in results))
        return [text.partition(",")[0] for text in violations(drawn, 1, tmp_path)]

    assert seen(ids, [exact, exact]) == []
    assert seen(ids, [exact, forgot]) == ["rank 0 came to [6"]
    assert seen([*ids[1:], 7], [exact]) == [
        "1 of 100 rows are missed in the output",
        "1 of 100 rows are doubled in the output",
    ]


def test_orders_are_obeyed_once(tmp_path: Path) -> None:
    """By the rank that they are for."""
    stage = Stage(tmp_path)
    stage.order(1, 0)
    stage.obey(0)
    with pytest.raises(Ordered):
        stage.obey(1)
    stage.obey(1)


def test_the_journal_keeps_the_order_of_events(tmp_path: Path) -> None:
    """With the time of each."""
    stage = Stage(tmp_path)
    for what in ("start", "batch", "end"):
        stage.note(what, 2)
    entries = stage.entries()
    assert [entry[0::2] for entry in entries] == [("start", 2), ("batch", 2), ("end", 2)]
    assert entries == sorted(entries, key=lambda entry: entry.time_s)
    assert isinstance(entries[0], Entry)


@pytest.fixture
def _deaf_to_sigterm() -> Iterator[None]:
    """So that what does not handle it fails the test, and does not end it."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_deaf_to_sigterm")
def test_a_suite_that_is_terminated_ends_its_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one at Ctrl-C does."""
    told: list[str] = []

    @contextmanager
    def standalone(_folder: Path) -> Iterator[None]:
        try:
            yield
        finally:
            told.append("the cluster has ended")

    monkeypatch.setattr("chaos.cluster.standalone", standalone)
    monkeypatch.setattr("chaos.run.run", lambda *_: signal.raise_signal(signal.SIGTERM))
    monkeypatch.setattr("sys.argv", ["chaos", "run", "--report", str(tmp_path)])
    with pytest.raises(KeyboardInterrupt):
        program.main()
    assert told == ["the cluster has ended"]


def test_reports_of_ranges_merge(tmp_path: Path) -> None:
    """Of a run that was done twice the last counts; times are put together by kind."""
    fault = {"kind": "kill user", "moment": "any", "hit": True, "recovery_s": 2.0}

    def write(folder: str, name: str, *seeds: int) -> None:
        (tmp_path / folder).mkdir(exist_ok=True)
        records = (
            {"seed": seed, "drawn": [str(seed)], "scenario": "plain", "faults": [fault]} for seed in seeds
        )
        lines = map(json.dumps, records)
        (tmp_path / folder / name).write_text("\n".join(lines))

    write("a", "seeds-1-2.jsonl", 1, 2)
    write("a", "seeds-2-2.jsonl", 2)
    write("b", "seeds-3-3.jsonl", 3)
    records = report.read([tmp_path / "a", tmp_path / "b"])
    assert [record["seed"] for record in records] == [1, 2, 3]
    assert report.recoveries_by_kind(records, "numpy") == {"kill user": [2.0, 2.0, 2.0]}
    assert report.recoveries_by_kind(records, "torch") == {}
