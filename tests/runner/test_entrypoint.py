"""Entrypoints are checked at planning, by name and without importing them."""

from __future__ import annotations

import json
import pickle
import sys

import pytest

from ml_framework.errors import PlanError
from ml_framework.runner.entrypoint import Named, check_entrypoint, importable_name, resolve, search_path

SOURCE = """
import os.path
from json import loads as parse
raise RuntimeError("must not be imported")
def main(ctx): ...
async def later(ctx): ...
class Trainer: ...
entry = main
first, (second, *rest) = range(3), (4, 5)
try:
    import torch
except ImportError:
    fallback = 1
if True:
    def conditional(ctx): ...
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "train_script.py").write_text(SOURCE)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "inner.py").write_text("def main(ctx): ...")
    (tmp_path / "broken.py").write_text("def main(ctx:\n")
    (tmp_path / "star.py").write_text("from package.inner import *\n")
    return str(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "main",
        "later",
        "Trainer.fit",
        "entry",
        "first",
        "rest",
        "torch",
        "fallback",
        "conditional",
        "parse",
        "os",
    ],
)
def test_whatever_binds_a_name_at_the_top_defines_it(folder, name):
    """Functions, classes, assignments and imports count, also inside if and try; nothing is imported."""
    check_entrypoint("worker", f"train_script:{name}", [folder])
    assert "train_script" not in sys.modules


@pytest.mark.parametrize("name", ["package.inner:main", "star:anything"])
def test_packages_and_star_imports_are_followed_as_far_as_files_go(folder, name):
    """A module in a package is found; what a star import brings cannot be known."""
    check_entrypoint("worker", name, [folder])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("train_script:man", "train_script.py defines no 'man'; did you mean 'main'?"),
        ("train_scrip:main", "there is no module 'train_scrip'; did you mean 'train_script'"),
        ("package.iner:main", "there is no module 'package.iner'; did you mean 'inner'"),
        ("train_script", "is not of the form 'module:function'"),
        ("train_script.py:main()", "is not of the form 'module:function'"),
        ("broken:main", "broken.py, line 1: '(' was never closed"),
    ],
)
def test_a_wrong_entrypoint_is_refused_with_a_hint(folder, name, message):
    """The error names the role, the entrypoint and what was probably meant."""
    with pytest.raises(PlanError) as error:
        check_entrypoint("worker", name, [folder])
    assert message in str(error.value)
    assert str(error.value).startswith(f"role 'worker': entrypoint {name!r}")


def test_only_what_can_be_imported_travels_by_name():
    """Lambdas and local functions have no name in another process."""
    assert importable_name(check_entrypoint) == "ml_framework.runner.entrypoint:check_entrypoint"
    assert importable_name(PlanError) == "ml_framework.errors:PlanError"
    assert importable_name(lambda _: None) is None
    assert importable_name(test_only_what_can_be_imported_travels_by_name.__get__(1)) is None


def test_resolve_follows_attributes():
    """A nested name is looked up step by step."""
    assert resolve("ml_framework.errors:PlanError.__name__") == "PlanError"


def test_the_search_path_of_a_script_is_its_folder_and_the_working_directory(monkeypatch, tmp_path):
    """A script has its own folder first; ``python -m`` has none."""
    script = type(sys)("__main__")
    script.__file__, script.__spec__ = str(tmp_path / "job.py"), None
    monkeypatch.setitem(sys.modules, "__main__", script)
    monkeypatch.chdir("/")
    assert search_path() == (str(tmp_path), "/")
    script.__spec__ = object()
    assert search_path() == ("/",)


def test_a_function_by_its_name_is_itself_where_it_arrives() -> None:
    """A name without a function is told there; here it can be called, compared and printed."""
    named = Named("json:loads")
    assert named("[1]") == [1]
    assert pickle.loads(pickle.dumps(named)) is json.loads
    nameless = Named("json:nothing")
    assert nameless == Named("json:nothing") != named
    with pytest.raises(AttributeError, match="nothing"):
        nameless()
    with pytest.raises(AttributeError, match="nothing"):
        pickle.loads(pickle.dumps(nameless))
