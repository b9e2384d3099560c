"""A table goes through a model and comes back: each row once, answered or refused."""

from __future__ import annotations

import importlib
import re
import runpy
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyflink.table import DataTypes, TableDescriptor
from support.flink import PROGRAMS, Flink, committed, make_flink, users

from ml_framework.inference import publish
from ml_framework.testing.waiting import eventually
from ml_operator import JobConfig
from torch_integration import inference

if TYPE_CHECKING:
    from types import ModuleType

    from pyflink.table import Table

pytestmark = pytest.mark.flink


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The models."""
    monkeypatch.syspath_prepend(PROGRAMS)
    return importlib.import_module("inference_programs")


def written(flink: Flink, folder: Path, **tables: Table) -> dict[str, list[str]]:
    """Run the job; the lines of each table, in the order in which they were written."""
    statements = flink.tables.create_statement_set()
    for name, table in tables.items():
        sink = TableDescriptor.for_connector("filesystem").option("path", f"file://{folder / name}")
        statements.add_insert(sink.format("csv").build(), table)
    statements.attach_as_datastream()
    flink.run()
    return {
        name: [
            line
            for path in sorted((folder / name).rglob("*"))
            if path.is_file()
            for line in path.read_text().splitlines()
        ]
        for name in tables
    }


def test_every_row_is_answered_or_refused(tmp_path: Path, programs: ModuleType) -> None:
    """In order, with what was carried and its nulls; a row is refused with the reason, and it alone."""
    model = programs.save_line(3.0, tmp_path / "line.pt")
    flink = make_flink(parallelism=1)
    columns = {"id": DataTypes.INT(), "word": DataTypes.STRING(), "at": DataTypes.TIMESTAMP(6)}
    words = ["1.5", "x", "2", "nan", "4"]
    rows = flink.rows(columns, [(None if i == 2 else i, word, None) for i, word in enumerate(words)])
    scored = inference(
        flink.job,
        rows,
        model,
        preprocess=programs.x_of_words,
        postprocess=programs.named,
        factory=programs.Line,
        output=[("double", DataTypes.DOUBLE()), ("half", DataTypes.DOUBLE())],
        carry=["word", "id"],
    )
    assert written(flink, tmp_path, rows=scored.rows, refused=scored.refused) == {
        "rows": ["1.5,0,9.0,2.25", "2,,12.0,3.0", "4,4,24.0,6.0"],
        "refused": [
            "x,1,\"ValueError: could not convert string to float: 'x'\"",
            'nan,3,"the answer half is NaN; the answer double is NaN"',
        ],
    }


def test_the_page_about_inference_shows_what_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Model and job of docs/inference.md; nothing is left running when the rows are read."""
    page = (Path(__file__).parents[2] / "docs" / "inference.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL):
        (tmp_path / block.split("\n", 1)[0].removeprefix("# ")).write_text(block)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    runpy.run_path("doubles.py", run_name="__main__")
    found = runpy.run_path("job.py")["found"]
    assert found == [(1, 1.5, 3.0, 1), (3, -4.0, -8.0, 1)]


def after_checkpoints(folder: Path, count: int) -> None:
    """Wait until so many more are complete."""

    def latest() -> int:
        complete = folder.glob("checkpoints/*/chk-*/_metadata")
        return max((int(path.parent.name.removeprefix("chk-")) for path in complete), default=0)

    before = latest()
    eventually(lambda: latest() >= before + count, timeout_s=60)


def test_versions_take_over_while_rows_flow_and_nodes_die(tmp_path: Path, programs: ModuleType) -> None:
    """Each row is answered once, by the version that it names; none goes back; a broken one never serves."""
    rows, folder = 150_000, tmp_path / "models"
    publish(programs.save_line(1.0, tmp_path / "line.pt"), folder)
    flink = make_flink(
        JobConfig(queue_bytes=1 << 14),  # else all rows are in the queues before the first barrier
        parallelism=1,
        taskmanager__memory__segment_size="4 kb",
        execution__checkpointing__interval="200 ms",
        execution__checkpointing__dir=f"file://{tmp_path}/checkpoints",
        restart_strategy__type="fixed-delay",
        restart_strategy__fixed_delay__attempts="3",
        restart_strategy__fixed_delay__delay="100 ms",
    )
    scored = inference(
        flink.job,
        flink.sequence(rows),
        folder,
        preprocess=programs.slowly,
        postprocess=programs.with_process,
        factory=programs.Line,
        output=[("y", DataTypes.BIGINT()), ("process", DataTypes.BIGINT())],
        version="version",
        parallelism=2,
        max_batch=64,
    )
    client = flink.insert(scored.rows, "filesystem", path=f"file://{tmp_path}/rows", format="csv")
    after_checkpoints(tmp_path, 3)
    publish(programs.save_line(2.0, tmp_path / "line.pt"), folder)
    after_checkpoints(tmp_path, 5)
    users()[0].kill()
    broken = folder / "3"
    broken.mkdir()
    (broken / "line.pt").write_text("nothing that could be loaded")
    after_checkpoints(tmp_path, 3)
    publish(programs.save_line(4.0, tmp_path / "line.pt"), folder)
    flink.job.wait(client)
    found = sorted(committed(tmp_path / "rows"))
    assert [x for x, *_ in found] == list(range(1, rows + 1))
    assert [y for _, y, *_ in found] == [x * version for x, _, _, version in found]
    by_process = defaultdict(list)
    for *_, process, version in found:
        by_process[process].append(version)
    assert len(by_process) > 2
    assert all(versions == sorted(versions) for versions in by_process.values())
    assert {version for *_, version in found} == {1, 2, 4}
