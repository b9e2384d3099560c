"""A model of the flights is served, and a better version takes over from half-way on."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dataset
import live
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import pytest
import serving_report
from model import new_model
from plain_loop import learn
from progress import RowsLine
from rich.console import Console
from stages import Stages

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVE = Path(dataset.__file__).parent / "serve.py"


@pytest.fixture(scope="module")
def departures(first: Path) -> pa.Table:
    return dataset.departures(first)


@pytest.fixture(scope="module")
def stages(departures: pa.Table) -> Stages:
    return Stages.of(departures)


@pytest.fixture(scope="module")
def expected(departures: pa.Table, stages: Stages) -> pa.Table:
    """The flights to be served."""
    return departures.slice(stages.before_start)


@pytest.fixture(scope="module")
def served(expected: pa.Table, stages: Stages) -> pa.Table:
    """What comes out where all goes well: two processes, and version 2 a little behind the release."""
    rows = np.arange(len(expected))
    columns = {name: expected[name] for name in live.SERVED_TYPES if name in expected.column_names}
    columns["score"] = pa.array((rows % 10 / 10).astype(np.float32))
    columns["process"] = pa.array(rows % 2)
    columns["version"] = pa.array(np.where(rows < stages.served_before_release + 200, 1, 2))
    columns["at"] = pa.array(rows, pa.timestamp("ms", tz="UTC"))
    return pa.table(columns, schema=pa.schema(live.SERVED_TYPES))


def with_column(table: pa.Table, name: str, values: Any) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values))


def test_nothing_is_served_that_version_1_knows_and_half_of_it_before_version_2(
    departures: pa.Table, stages: Stages
) -> None:
    sched = departures["sched"].to_pylist()
    assert max(sched[: stages.before_start]) < stages.start <= min(sched[stages.before_start :])
    assert max(sched[: stages.before_release]) < stages.release <= min(sched[stages.before_release :])
    assert stages.before_start == pytest.approx(len(sched) / 6, abs=70)  # flights of an hour
    assert stages.served_before_release == pytest.approx(stages.served / 2, abs=70)


def test_too_few_flights_are_refused(departures: pa.Table) -> None:
    with pytest.raises(SystemExit, match="20 flights are too few"):
        Stages.of(departures.slice(0, 20))


def test_learning_from_the_first_flights_sees_no_others(first: Path) -> None:
    model, reached = learn(first, 512)
    untrained = new_model().state_dict()
    assert any((model.state_dict()[name] != value).any() for name, value in untrained.items())
    assert (model.state_dict()["embeddings.3.weight"][2:] == untrained["embeddings.3.weight"][2:]).all()
    assert 0 < reached < 1
    assert learn(first)[1] != reached


def test_what_came_out_well_passes_in_order(served: pa.Table, expected: pa.Table, stages: Stages) -> None:
    shuffled = served.take(np.random.default_rng(1).permutation(len(served)))
    assert serving_report.check(shuffled, expected, stages.release).equals(served)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda table, _: table.slice(1), "flights: .* instead of"),
        (lambda table, _: pa.concat_tables([table.slice(1), table.slice(1, 1)]), "distinct flights: "),
        (
            lambda table, _: with_column(table, "year", pa.array([2012] * len(table), pa.int32())),
            "not those that went in",
        ),
        (lambda table, _: with_column(table, "version", [1] * len(table)), r"versions \[1\] have served"),
        (
            lambda table, _: with_column(table, "version", [*table["version"].to_pylist()[:-1], 1]),
            "process . went back",
        ),
        (
            lambda table, stages: with_column(
                table, "version", [1 + (i >= stages.served_before_release - 5) for i in range(len(table))]
            ),
            "version 2 has scored flights that it has learned from",
        ),
    ],
    ids=["lost", "twice", "another", "one version", "back", "leak"],
)
def test_a_wrong_outcome_ends_the_program(
    served: pa.Table, expected: pa.Table, stages: Stages, spoil: Any, message: str
) -> None:
    with pytest.raises(SystemExit, match=message):
        serving_report.check(spoil(served, stages), expected, stages.release)


def test_the_last_line_compares_both_versions_on_the_same_flights(served: pa.Table) -> None:
    few = served.slice(len(served) - 4)
    few = with_column(few, "version", [1, 1, 2, 2])
    few = with_column(few, "label", pa.array([0, 1, 0, 1], pa.int32()))
    few = with_column(few, "score", [0.1, 0.9, 0.2, 0.8])
    few = with_column(few, "at", pa.array([0, 0, 10_500, 10_700], pa.timestamp("ms", tz="UTC")))
    few = few.append_column(serving_report.COMPARED, pa.array([0.1, 0.9, 0.7, 0.3]))
    assert serving_report.summary(few, 10.25) == (
        "flights=4 distinct=4 version_1_auc=1.000 version_2_auc=1.000 version_1_auc_on_the_same=0.000 "
        "swap_s=0.25"
    )


def committed(folder: Path, name: str, rows: pa.Table) -> None:
    """A file as Flink's sink writes it."""
    folder.mkdir(exist_ok=True)
    with (folder / name).open("w", newline="") as file:
        for row in rows.to_pylist():
            row["sched"] = f"{row['sched']:%Y-%m-%d %H:%M:%S}"
            row["at"] = f"{row['at']:%Y-%m-%d %H:%M:%S.%f}"[:-3] + "Z"
            csv.writer(file).writerow(str(value) for value in row.values())


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def line(log: io.StringIO, served: pa.Table) -> Iterator[RowsLine]:
    seconds = iter(range(1_000))
    return RowsLine(len(served), Console(file=log, width=200), clock=lambda: float(next(seconds)))


def test_the_next_version_is_made_when_all_that_it_learns_from_is_out(
    tmp_path: Path, served: pa.Table, stages: Stages, log: io.StringIO, line: RowsLine
) -> None:
    sink, released = live.Sink(tmp_path / "scores"), []

    def release() -> float:
        released.append(True)
        return 7.0

    half = stages.served_before_release
    with line, live.Live(sink, stages, release, line) as seen:
        seen()
        committed(tmp_path / "scores", ".part-1-0.inprogress", served)
        committed(tmp_path / "scores", "part-0-0", served.slice(0, half - 1))
        committed(tmp_path / "scores", "part-1-0", served.slice(half, 300))
        seen()
        assert not released
        committed(tmp_path / "scores", "part-0-1", served.slice(half - 1, 1))
        seen()
        seen()
    assert released == [True]
    assert seen.released_at == 7.0
    assert serving_report.in_order(sink.all()).equals(served.slice(0, half + 300))
    assert "version 2 serves  latest AUC 0." in log.getvalue()


@pytest.mark.flink
def test_both_versions_serve_a_live_stream_and_each_flight_once(
    data_folder: Path, departures: pa.Table, stages: Stages, tmp_path: Path
) -> None:
    """The whole program, as the user runs it."""
    done = subprocess.run(
        [sys.executable, SERVE, "--data", data_folder, "--out", tmp_path, "--rows", "4000", "--rate", "150"],
        capture_output=True,
        text=True,
        check=False,
        timeout=115,
    )
    assert done.returncode == 0, done.stderr
    *_, last = done.stdout.splitlines()
    number = r"0\.\d{3}"
    assert re.fullmatch(
        rf"flights={stages.served} distinct={stages.served} version_1_auc={number} version_2_auc={number} "
        rf"version_1_auc_on_the_same={number} swap_s=\d+\.\d\d",
        last,
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models", serving_report.SERVED_FILE]
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["1", "2"]
    found = pa.parquet.read_table(tmp_path / serving_report.SERVED_FILE)
    assert found["flight"].equals(departures.slice(stages.before_start)["flight"])
    second = found.filter(pc.equal(found["version"], 2))
    assert 0 < len(second) <= stages.served - stages.served_before_release
    assert pc.min(second["sched"]).as_py() >= stages.release
    assert len(pc.unique(found["process"])) == 2


def test_a_score_of_another_version_is_found_out(
    first: Path, tmp_path: Path, served: pa.Table, stages: Stages
) -> None:
    import serve  # noqa: PLC0415 - imports Flink

    models = tmp_path / "models"
    for flights in (stages.before_start, stages.before_release):
        serve.release(first, flights, models)
    one = serving_report._scores(models / "1", first, stages)
    two = serving_report._scores(models / "2", first, stages)
    right = with_column(served, "score", np.where(served["version"].to_numpy() == 1, one, two))
    compared = serving_report.compared(right, first, models, stages)
    assert np.array_equal(compared[serving_report.COMPARED].to_numpy(), one)
    with pytest.raises(SystemExit, match=r"a score is 0\.\d+ away"):
        serving_report.compared(with_column(right, "score", one), first, models, stages)
