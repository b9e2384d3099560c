"""What cannot run as it is described: refused when it is planned, with the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ml_framework.errors import PlanError
from ml_framework.sql.planning import plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ml_framework.sql.request import Request

    Make = Callable[..., Request]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": None}, "'format' is missing: there are 'torch-export', 'torchscript', 'state-"),
        ({"format": "torchexport"}, "there is no 'format' 'torchexport': did you mean 'torch-export'?"),
        ({"format": "mxnet"}, "there is no 'format' 'mxnet': there are 'torch-export', 'torchscript', "),
        ({"path": None}, "'path' is missing: say where the model lies"),
        ({"format": "state-dict"}, "'format' 'state-dict' is weights alone: give 'factory', a module"),
        ({"format": "keras-weights"}, "'format' 'keras-weights' is weights alone: give 'factory'"),
        ({"factory": "delays:make"}, "and 'format' 'torch-export' is a whole model: leave it out"),
        ({"max_batch": 0}, "'max-batch' is 0, it must be at least 1"),
        ({"max_delay_ms": -5}, "'max-delay' is -5 ms, it must be zero or more"),
        ({"threads": 0}, "threads is 0, it must be at least 1"),
        ({"input": []}, "INPUT has no columns: declare at least one"),
        ({"input": [("m", "MAP<INT, INT>")]}, "INPUT: column 'm': type MAP<INT, INT> is not supported: "),
        ({"output": []}, "OUTPUT has no columns: declare at least one"),
        ({"output": [("y", "ROW<a INT>")]}, "OUTPUT: column 'y': type ROW<a INT> is not supported: "),
        ({"groups": "distance,hour"}, "'distance,hour' is no group: write them like 'features=dist"),
        ({"groups": "f="}, "'f=' is no group: write them like "),
        ({"groups": "f=hour,"}, "'groups' is 'hour,': give names with a comma between each two"),
        ({"groups": "f=hour; f=distance"}, "the group 'f' is there twice"),
        ({"groups": "f=our"}, "group 'f': there is no column 'our': did you mean 'hour'?"),
        ({"groups": "f=hour,carrier"}, "group 'f': column 'hour' is FLOAT NOT NULL but 'carrier' is INT: "),
        ({"groups": "hour=3"}, "group 'hour': column 'hour' is FLOAT NOT NULL, a width is for an ARRAY of"),
        ({"inputs": "hour,,distance"}, "'inputs' is 'hour,,distance': give names with a comma"),
        ({"inputs": "our"}, "'inputs' names 'our', there is none: did you mean 'hour'?"),
        ({"groups": "f=hour", "inputs": "hour"}, "'inputs' names 'hour', there is none: there are "),
        ({"input": [("s", "STRING")]}, "the column 's' is VARCHAR(2147483647), of which there is no tensor"),
        ({"input": [("a", "ARRAY<INT>")]}, "or say in 'groups' how long an ARRAY is, as in 'a=16'"),
        ({"input": [("d", "DECIMAL(10, 2)")]}, "'d' is DECIMAL(10, 2), of which there is no tensor"),
        ({"inputs": "hour", "preprocess": "json:loads"}, "'inputs' and 'preprocess' both say what the"),
        ({"version_column": "delai"}, "'version-column' is 'delai', which is no column of OUTPUT: did you"),
        ({"version_column": "delay"}, "'version-column' is 'delay', which is FLOAT: declare it in OUTPUT as"),
        ({"error_column": "delay"}, "'error-column' is 'delay', which is FLOAT: declare it in OUTPUT as"),
        (
            {"output": [("y", "INT"), ("v", "BIGINT NOT NULL")], "version_column": "v"},
            "'version-column' is 'v', which is BIGINT NOT NULL: declare it in OUTPUT as BIGINT, which may be",
        ),
        (
            {"output": [("y", "INT"), ("e", "VARCHAR(10)")], "error_column": "e"},
            "'error-column' is 'e', which is VARCHAR(10): declare it in OUTPUT as STRING, which may be",
        ),
        ({"output": [("v", "BIGINT")], "version_column": "v"}, "OUTPUT has no answer: declare a column for"),
        (
            {"output": [("y", "INT NOT NULL"), ("e", "STRING")], "error_column": "e"},
            "OUTPUT: the answer 'y' is INT NOT NULL, and a row with an error has none: leave NOT",
        ),
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused(request_of: Make, changes: dict[str, Any], message: str) -> None:
    """With what is wrong, by the names that SQL has for it, and the remedy."""
    with pytest.raises(PlanError) as refused:
        plan(request_of(**changes))
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("scale", "'preprocess' 'scale' is not of the form 'module:function'"),
        ("delays:scales", "delays.py defines no 'scales'; did you mean 'scale'"),
        ("delay:scale", "'preprocess' 'delay:scale': there is no module 'delay': put its folder into 'pyt"),
        ("delay:scale", "; did you mean 'delays'"),
    ],
)  # fmt: skip
def test_a_function_that_there_is_not_is_refused(
    request_of: Make, folder: str, name: str, message: str
) -> None:
    with pytest.raises(PlanError) as refused:
        plan(request_of(preprocess=name, python_path=folder))
    assert message in str(refused.value)


def test_a_folder_and_a_module_in_it_are_named_once(
    request_of: Make, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the folder is that which the planning process is in, as it is by default."""
    monkeypatch.chdir(folder)
    with pytest.raises(PlanError) as refused:
        plan(request_of(preprocess="delay:scale", python_path=folder))
    assert str(refused.value).count(folder) == 1
    assert str(refused.value).count("'delays'") == 1  # modules that other tests have left may be near, too


def test_the_message_says_where_modules_are_looked_for(request_of: Make, folder: str) -> None:
    with pytest.raises(PlanError, match=f"'python-path', which is '{folder}:"):
        plan(request_of(postprocess="no_module_here:f", python_path=folder))


@pytest.mark.parametrize(
    ("format_", "name"), [("torch-export", ".pt2"), ("keras", ".keras"), ("keras-weights", ".weights.h5")]
)
def test_a_file_of_another_form_is_refused(request_of: Make, tmp_path: Path, format_: str, name: str) -> None:
    """Where it is there; the frameworks go by the ending of its name."""
    factory = "json:loads" if "weights" in format_ else None
    right, wrong = tmp_path / f"model{name}", tmp_path / "model.h5"
    for path in (right, wrong):
        path.touch()
    plan(request_of(format=format_, path=str(right), factory=factory))
    plan(request_of(format=format_, path=str(tmp_path), factory=factory))
    plan(request_of(format=format_, path=str(tmp_path / "later.h5"), factory=factory))
    with pytest.raises(
        PlanError, match=f"a file of 'format' '{format_}' has a name that ends in {name}: name it"
    ):
        plan(request_of(format=format_, path=str(wrong), factory=factory))
