"""What is said of a model, and what becomes of it."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ml_framework.codec import Layout
from ml_framework.codec.layout import BlockKind
from ml_framework.sql.planning import plan
from ml_framework.sql.request import folders_in, groups_in, names_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_framework.node.assignment import Assignment
    from ml_framework.sql.request import Request

    Make = Callable[..., Request]
    Assigned = Callable[[dict[str, Any]], Assignment]
    Entrypoint = Callable[[dict[str, Any]], Any]


@pytest.fixture
def entrypoint(assigned: Assigned) -> Callable[[dict[str, Any]], Any]:
    """What the user's process runs."""
    return lambda settings: pickle.loads(assigned(settings).program.runner.pickled)


# The settings


def test_the_settings_are_those_of_a_role_and_two_more(request_of: Make) -> None:
    settings = plan(request_of(max_delay_ms=30))
    fixed = {
        "job": "",
        "role": "model",
        "parallelism": 1,
        "python": "",
        "python_options": {},
        "grace_ms": 8000,
        "max_delay_ms": 30,
        "rowtime_column": -1,
        "rowtime_precision": 0,
        "answers_checkpoints": False,
        "standby": False,
        "gpus": 0,
        "error_field": 1,
        "columns": 1,
    }
    assert {name: settings[name] for name in fixed} == fixed
    planned = ["assignment", "input_layout", "output_layout", "input_queue_bytes", "output_queue_bytes"]
    assert sorted(settings) == sorted([*fixed, *planned, "python_path"])


def test_an_agent_reads_its_assignment(request_of: Make, assigned: Assigned, tmp_path: Path) -> None:
    settings = plan(request_of(max_batch=64, max_delay_ms=30, threads=2, log_dir=str(tmp_path)))
    assignment = assigned(settings)
    assert (assignment.job_name, str(assignment.node)) == ("delay", "model[1]")
    assert assignment.log_dir == tmp_path
    program = assignment.program
    assert program.max_delay_s == 0.03
    assert (program.input_layout, program.output_layout) == (
        settings["input_layout"],
        settings["output_layout"],
    )
    assert (program.runner.threads, program.runner.model) == (2, "/models/delay")


def test_frames_have_no_timestamps_and_as_many_rows_as_a_batch(request_of: Make) -> None:
    settings = plan(request_of(max_batch=64))
    for name in ("input_layout", "output_layout"):
        layout = Layout.from_json(settings[name])
        assert (layout.timestamps, layout.max_rows) == (False, 64)


def test_queues_have_room_for_eight_batches(request_of: Make) -> None:
    wide = [(f"f{index}", "DOUBLE") for index in range(64)]
    settings = plan(request_of(input=wide))
    assert settings["input_queue_bytes"] == 1 << 23  # 8 × 1024 rows × 64 × 8 bytes, and then the next power
    assert settings["output_queue_bytes"] == 1 << 19


def test_folders_are_looked_for_from_the_root(
    request_of: Make, assigned: Assigned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that were given, then the one that the planning process is in."""
    monkeypatch.chdir("/usr")
    settings = plan(request_of(python_path=f"/a{os.pathsep}lib"))
    folders = settings["python_path"].split(os.pathsep)
    assert folders[:2] == ["/a", "/usr/lib"]
    assert folders[-1] == "/usr"
    assert assigned(settings).program.runner.python_path == tuple(folders)


@pytest.mark.parametrize(
    ("format_", "factory", "loader"),
    [
        ("torch-export", None, "torch_integration.models:TorchModels"),
        ("torchscript", None, "torch_integration.models:TorchModels"),
        ("state-dict", "json:loads", "torch_integration.models:TorchModels"),
        ("keras", None, "tf_integration.models:TFModels"),
        ("keras-weights", "json:loads", "tf_integration.models:TFModels"),
        ("saved-model", None, "tf_integration.models:TFModels"),
        ("onnx", None, "onnx_integration.models:OnnxModels"),
    ],
)
def test_a_format_has_its_framework(
    request_of: Make, entrypoint: Entrypoint, format_: str, factory: str | None, loader: str
) -> None:
    """Which is not imported."""
    before = set(sys.modules)
    scoring = entrypoint(plan(request_of(format=format_, factory=factory)))
    assert scoring.loader == loader
    assert not {"torch", "tensorflow", "onnxruntime"} & (set(sys.modules) - before)


@pytest.mark.parametrize(
    ("path", "located"),
    [("s3://bucket/delay", "s3://bucket/delay"), ("delay", "/usr/delay"), ("/m/../delay", "/delay")],
)
def test_a_path_is_one_from_the_root(
    request_of: Make, entrypoint: Entrypoint, monkeypatch: pytest.MonkeyPatch, path: str, located: str
) -> None:
    monkeypatch.chdir("/usr")
    assert entrypoint(plan(request_of(path=path))).settings["model"] == located


# What the model gets


def test_without_a_word_all_columns_and_groups_are_arguments(
    request_of: Make, entrypoint: Entrypoint
) -> None:
    """In the order of the columns, a group where its first column is."""
    settings = plan(
        request_of(
            input=[("a", "INT"), ("b", "FLOAT"), ("c", "INT"), ("d", "FLOAT"), ("e", "ARRAY<FLOAT>")],
            groups=" dense = b , d ;e=16; ",
        )
    )
    assert entrypoint(settings).settings["required"] == ("a", "dense", "c", "e")
    blocks = {
        block.name or block.fields: block for block in Layout.from_json(settings["input_layout"]).blocks
    }
    assert (blocks["dense"].kind, blocks["dense"].width) == (BlockKind.MATRIX, 2)
    assert (blocks[4,].kind, blocks[4,].width) == (BlockKind.VECTOR, 16)


def test_arguments_may_be_named(request_of: Make, entrypoint: Entrypoint) -> None:
    scoring = entrypoint(plan(request_of(groups="f=distance,hour", inputs="carrier, f")))
    assert scoring.settings["required"] == ("carrier", "f")
    assert scoring.options["inputs"] == ("carrier", "f")


def test_functions_are_found_and_not_imported(
    request_of: Make, entrypoint: Entrypoint, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are imported where they are used, whatever that raises."""
    functions = {"preprocess": "delays:scale", "postprocess": "delays:name", "factory": "delays:make"}
    settings = plan(request_of(format="state-dict", python_path=folder, **functions))
    assert "delays" not in sys.modules
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(ModuleNotFoundError, match="no_such_framework"):
        entrypoint(settings)
    Path(folder, "no_such_framework.py").touch()
    options = entrypoint(settings).options
    delays = sys.modules.pop("delays")
    assert options["preprocess"] is delays.scale
    assert (options["postprocess"], options["factory"]) == (delays.name, delays.make)
    assert options["inputs"] == ()


# What it answers


def test_an_error_that_nobody_asks_for_is_a_column_more(request_of: Make, entrypoint: Entrypoint) -> None:
    """Flink sees what was declared; a frame has nulls where it has an error."""
    settings = plan(request_of(output=[("error", "FLOAT NOT NULL"), ("n", "INT")]))
    columns = Layout.from_json(settings["output_layout"]).schema
    assert [(column.name, str(column.type)) for column in columns] == [
        ("error", "FLOAT"),
        ("n", "INT"),
        ("_error", "VARCHAR(2147483647)"),
    ]
    assert (settings["error_field"], settings["columns"]) == (2, 2)
    scoring = entrypoint(settings).settings
    assert (scoring["answers"], scoring["error"], scoring["version"]) == (("error", "n"), "_error", None)


@pytest.mark.parametrize("text", ["STRING", "VARCHAR(2147483647)"])
def test_version_and_error_are_columns_where_they_are_declared(
    request_of: Make, entrypoint: Entrypoint, text: str
) -> None:
    output = [("why", text), ("y", "FLOAT"), ("v", "BIGINT"), ("z", "FLOAT")]
    settings = plan(request_of(output=output, version_column="v", error_column="why"))
    assert Layout.from_json(settings["output_layout"]).schema.names == ("why", "y", "v", "z")
    assert (settings["error_field"], settings["columns"]) == (0, 4)
    scoring = entrypoint(settings).settings
    assert (scoring["answers"], scoring["error"], scoring["version"]) == (("y", "z"), "why", "v")


@pytest.mark.parametrize("format_", ["keras", "saved-model"])
def test_tensorflow_takes_text(request_of: Make, entrypoint: Entrypoint, format_: str) -> None:
    settings = plan(request_of(format=format_, input=[("s", "STRING"), ("a", "ARRAY<INT>")]))
    assert entrypoint(settings).settings["required"] == ("s", "a")


# Texts


def test_texts_are_read_with_whatever_space_they_have() -> None:
    assert names_in("inputs", " a ,b") == ("a", "b")
    assert groups_in("") == {}
    assert groups_in(" f = a , b ;g=c;") == {"f": ("a", "b"), "g": ("c",)}
    assert groups_in("e=16") == {"e": 16}
    assert folders_in("") == ()
