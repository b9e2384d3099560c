"""A table goes through a model and comes back: each row once, answered or refused."""

from __future__ import annotations

import importlib
import runpy
import subprocess
import sys
import time
import zipfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import pytest
from onnx import TensorProto, helper
from pyflink.common import Row, Types, WatermarkStrategy
from pyflink.table import DataTypes, TableDescriptor
from support.flink import (
    PROGRAMS,
    Flink,
    after_checkpoints,
    by_subtask,
    committed,
    make_flink,
    recovery,
    users,
)
from support.pages import write_programs

import onnx_integration
import tf_integration
from ml_framework.inference import Padding, publish
from ml_operator import JobConfig, JobFailed
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


def test_answers_of_another_type_than_the_output_end_the_job(tmp_path: Path, programs: ModuleType) -> None:
    """It is wrong whatever the rows; the message names the column, and what to do."""
    model = programs.save_line(3.0, tmp_path / "line.pt")
    flink = make_flink(parallelism=1)
    scored = inference(
        flink.job,
        flink.sequence(10),
        model,
        preprocess=programs.slowly,
        factory=programs.Line,
        output=[("y", DataTypes.INT())],
    )
    client = flink.insert(scored.rows)
    with pytest.raises(JobFailed, match=r"inference\[0\].*(?s:.*)'y'"):
        flink.job.wait(client)


def test_the_page_about_inference_shows_what_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Model and job of docs/inference.md; nothing is left running when the rows are read."""
    write_programs("inference.md", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    runpy.run_path("doubles.py", run_name="__main__")
    found = runpy.run_path("job.py")["found"]
    assert found == [(1, 1.5, 3.0, 1), (3, -4.0, -8.0, 1)]


def recoverable(folder: Path) -> Flink:
    """A job with checkpoints in `folder`; few rows wait in its queues."""
    return make_flink(JobConfig(queue_bytes=1 << 14), parallelism=1, **recovery(folder))


def test_versions_take_over_while_a_million_rows_flow_and_nodes_die(
    tmp_path: Path, programs: ModuleType
) -> None:
    """Each row is answered once, by the version that it names; none goes back; a broken one never serves."""
    rows, folder, workers = 1_000_000, tmp_path / "models", 3
    publish(programs.save_line(1.0, tmp_path / "line.pt"), folder)
    flink = recoverable(tmp_path)
    scored = inference(
        flink.job,
        flink.sequence(rows),
        folder,
        preprocess=partial(programs.slowly, until=str(tmp_path / "done")),
        postprocess=programs.with_process,
        factory=programs.Line,
        output=[(name, DataTypes.BIGINT()) for name in ("y", "process", "at_ms")],
        version="version",
        parallelism=workers,
        max_batch=64,
    )
    client = flink.insert(
        scored.rows,
        "filesystem",
        path=f"file://{tmp_path}/rows",
        format="csv",
        sink__parallelism=str(workers),
    )
    published = {}
    for version in range(2, 8):
        after_checkpoints(tmp_path, 4)
        if version == 4:
            (folder / "4").mkdir()
            (folder / "4" / "line.pt").write_text("nothing that could be loaded")
            continue
        published[publish(programs.save_line(float(version), tmp_path / "line.pt"), folder)] = time.time()
        if version in {3, 6}:
            after_checkpoints(tmp_path, 4)
            users()[version % workers].kill()
    after_checkpoints(tmp_path, 4)
    (tmp_path / "done").touch()
    flink.job.wait(client)
    subtasks = by_subtask(tmp_path / "rows")
    found = sorted(row for subtask in subtasks for row in subtask)
    assert [x for x, *_ in found] == list(range(1, rows + 1))
    assert all(y == x * version for x, y, _, _, version in found)
    assert len(subtasks) == workers
    for subtask in subtasks:
        versions = [version for *_, version in subtask]
        assert versions == sorted(versions)
        assert set(versions) >= {1, 3, 7}
    assert {version for *_, version in found} == {1, *published}
    assert len({process for _, _, process, _, _ in found}) == 3 * workers
    for version, at in published.items():
        first = [min(at_ms for *_, at_ms, by in subtask if by >= version) / 1000 - at for subtask in subtasks]
        print(f"version {version}: {min(first):.2f} s after it was published, everywhere {max(first):.2f} s")


def test_a_stream_comes_back_as_streams(tmp_path: Path, programs: ModuleType) -> None:
    """With its fields and the event time of its elements; the model is in an archive, by a URL."""
    with zipfile.ZipFile(tmp_path / "models.zip", "w") as archive:
        archive.write(programs.save_line(3.0, tmp_path / "line.pt"), "line.pt")
    functions = importlib.import_module("stream_functions")
    flink = make_flink(parallelism=1)
    info = Types.ROW_NAMED(["word", "at"], [Types.STRING(), Types.LONG()])
    words = [("1.5", 10), ("x", 20), ("4", 30)]
    strategy = WatermarkStrategy.for_monotonous_timestamps().with_timestamp_assigner(functions.At())
    rows = flink.env.from_collection([Row(*word) for word in words], info).assign_timestamps_and_watermarks(
        strategy
    )
    scored = inference(
        flink.job,
        rows,
        f"zip://line.pt::{tmp_path}/models.zip",
        preprocess=programs.x_of_words,
        factory=programs.Line,
        output=[("y", Types.DOUBLE())],
        version="version",
    )
    timed = scored.rows.process(functions.WithTime(), Types.STRING())
    refused = scored.refused.process(functions.WithTime(), Types.STRING())
    with timed.union(refused).execute_and_collect() as found:
        assert sorted(found) == [
            "10: 1.5, 10, 4.5, None",
            "20: x, 20, None, ValueError: could not convert string to float: 'x'",
            "30: 4, 30, 12.0, None",
        ]


def test_the_version_that_the_control_stream_names_serves(tmp_path: Path, programs: ModuleType) -> None:
    """Though there are newer ones; after a failure, too."""
    rows, folder = 400_000, tmp_path / "models"
    for weight in (1.0, 2.0, 3.0):
        publish(programs.save_line(weight, tmp_path / "line.pt"), folder)
    flink = recoverable(tmp_path)
    scored = inference(
        flink.job,
        flink.sequence(rows),
        folder,
        preprocess=partial(programs.slowly, until=str(tmp_path / "done")),
        postprocess=programs.with_process,
        factory=programs.Line,
        output=[(name, DataTypes.BIGINT()) for name in ("y", "process", "at_ms")],
        version="version",
        control=flink.rows({"number": DataTypes.INT()}, [(1,), (None,), (2,)]),
        max_batch=64,
    )
    client = flink.insert(scored.rows, "filesystem", path=f"file://{tmp_path}/rows", format="csv")
    after_checkpoints(tmp_path, 5)
    users()[0].kill()
    (tmp_path / "done").touch()
    publish(programs.save_line(4.0, tmp_path / "line.pt"), folder)
    flink.job.wait(client)
    found = sorted(committed(tmp_path / "rows"))
    assert [x for x, *_ in found] == list(range(1, rows + 1))
    assert all(y == x * version for x, y, _, _, version in found)
    assert len({process for _, _, process, _, _ in found}) == 2
    assert [version for *_, version in found][-rows // 2 :] == [2] * (rows // 2)
    assert {version for *_, version in found} <= {1, 2, 3}


def test_a_model_in_onnx_scores_arrays_by_bucket(tmp_path: Path) -> None:
    """Each row gets the sum of its own, in order; no array at all is refused."""
    axis = helper.make_node(
        "Constant", [], ["axis"], value=helper.make_tensor("", TensorProto.INT64, [1], [1])
    )
    total = helper.make_node("ReduceSum", ["x", "axis"], ["sum"], keepdims=0)
    graph = helper.make_graph(
        [axis, total],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", "length"])],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["rows"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.save(model, tmp_path / "sum.onnx")
    flink = make_flink(parallelism=1)
    columns = {"id": DataTypes.INT(), "x": DataTypes.ARRAY(DataTypes.FLOAT())}
    rows = flink.rows(columns, [(i, None if i == 5 else [1.0] * (i * 7 % 40)) for i in range(100)])
    scored = onnx_integration.inference(
        flink.job,
        rows,
        tmp_path / "sum.onnx",
        inputs=["x"],
        padding=Padding(0.0, (4, 16)),
        output=[("sum", DataTypes.FLOAT())],
        carry=["id"],
    )
    assert written(flink, tmp_path, rows=scored.rows, refused=scored.refused) == {
        "rows": [f"{i},{float(i * 7 % 40)}" for i in range(100) if i != 5],
        "refused": ['5,"x is null"'],
    }


def test_a_model_of_keras_scores_groups_and_columns(tmp_path: Path) -> None:
    """Two inputs, by position: what is in a group is not carried."""
    saving = Path(PROGRAMS) / "save_keras.py"
    subprocess.run([sys.executable, saving, tmp_path / "model.keras"], check=True, timeout=100)
    flink = make_flink(parallelism=1)
    columns = {"id": DataTypes.INT(), "a": DataTypes.FLOAT(), "b": DataTypes.FLOAT(), "c": DataTypes.FLOAT()}
    rows = flink.rows(columns, [(i, 1.0 * i, 2.0, None if i == 3 else 0.5) for i in range(6)])
    scored = tf_integration.inference(
        flink.job,
        rows,
        tmp_path / "model.keras",
        inputs=["pair", "c"],
        groups={"pair": ["a", "b"]},
        output=[("y", DataTypes.FLOAT())],
    )
    assert written(flink, tmp_path, rows=scored.rows, refused=scored.refused) == {
        "rows": [f"{i},0.5,{i + 2.5}" for i in range(6) if i != 3],
        "refused": ['3,,"c is null"'],
    }
