"""Estimators before anything runs, and models in their folders."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import DataTypes, EnvironmentSettings, StreamTableEnvironment, TableEnvironment

from ml_framework.errors import ModelError
from ml_framework.estimator import Arguments, Pickled
from ml_framework.runner.entrypoint import Named
from ml_operator import PlanError
from ml_operator.bridge import environment_options
from ml_operator.estimator import Form
from ml_operator.estimator.borrowed import borrowed
from tf_integration import KerasEstimator, KerasModel
from torch_integration import TorchEstimator, TorchModel

if TYPE_CHECKING:
    from pathlib import Path

ANSWER = [("answer", DataTypes.FLOAT())]
GOOD: dict[str, Any] = {
    "factory": list,
    "loss": max,
    "optimizer": list,
    "inputs": ["x"],
    "label": "y",
    "output": ANSWER,
}


def estimator(**options: Any) -> TorchEstimator:
    return TorchEstimator(**{**GOOD, **options})


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"factory": 3}, "factory is 3, it must be a function: give what makes it"),
        ({"loss": "mse"}, "loss is 'mse', it must be a function"),
        ({"optimizer": None}, "optimizer is None, it must be a function"),
        ({"schedule": 0.1}, "schedule is 0.1, it must be a function"),
        ({"inputs": "x"}, "inputs is 'x', it must be a list of columns or groups, at least one"),
        ({"inputs": 3}, "inputs is 3, it must be a list"),
        ({"inputs": []}, r"inputs is \[\], it must be a list"),
        ({"inputs": [1]}, r"inputs is \[1\], it must be a list"),
        ({"label": ["y"]}, r"label is \['y'\], it must be the name of a column"),
        ({"label": "x"}, "'x' is the label, or part of it, and among the inputs"),
        ({"inputs": ["g"], "groups": {"g": ["x", "y"]}}, "'y' is the label, or part of it"),
        ({"groups": {"g": ["a"]}}, "group 'g' is neither among the inputs nor the label"),
        ({"groups": ["g"]}, r"groups is \['g'\], it must be a dict such as"),
        ({"inputs": ["g"], "groups": {"g": []}}, r"group 'g' is \[\], it must be a list"),
        ({"inputs": ["g"], "groups": {"g": "ab"}}, "group 'g' is 'ab', it must be a list"),
        ({"output": []}, r"output is \[\], it must be a list such as"),
        ({"output": ["answer"]}, r"output is \['answer'\], it must be a list such as"),
        ({"output": [("answer", "FLOAT")]}, r"it must be a list such as \[\(\"prediction\", DataTypes.FLOAT"),
        ({"epochs": 0}, "epochs is 0, it must be at least 1"),
        ({"batch_size": 0}, "batch_size is 0, it must be at least 1"),
        ({"batch_size": 1.5}, "batch_size is 1.5, it must be an integer"),
        ({"parallelism": True}, "parallelism is True, it must be an integer"),
        ({"seed": -1}, "seed is -1, it must be at least 0"),
        ({"dtype": "float31"}, "dtype is 'float31', it must be a name such as 'float32', or None"),
    ],
)
def test_what_cannot_be_is_refused_at_once(options: dict[str, Any], error: str) -> None:
    """The error names value and remedy; it is a `ValueError` as well."""
    with pytest.raises(PlanError, match=error):
        estimator(**options)


def test_keras_has_names_for_losses_and_optimizers() -> None:
    """Or functions."""
    KerasEstimator(**{**GOOD, "loss": "mse", "optimizer": {"class_name": "Adam", "config": {}}})
    for name in ("loss", "optimizer"):
        with pytest.raises(PlanError, match=f"{name} is 3, it must be a function"):
            KerasEstimator(**{**GOOD, name: 3})


@pytest.fixture(scope="module")
def tables(gateway: None) -> StreamTableEnvironment:
    return StreamTableEnvironment.create(StreamExecutionEnvironment.get_execution_environment())


def table(tables: TableEnvironment) -> Any:
    return tables.sql_query(
        "SELECT * FROM (VALUES (1, 2.5e0, 'a', DATE '2026-01-01', CAST(2 AS DECIMAL(4, 2)), ARRAY[1, 2])) "
        "AS t (x, y, word, since, cost, many)"
    )


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"inputs": ["z"]}, "the table has no column 'z': there are 'x', 'y', "),
        ({"label": "words"}, "the table has no column 'words': did you mean 'word'"),
        ({"inputs": ["g"], "groups": {"g": ["x", "dax"]}}, "the table has no column 'dax': there are"),
        ({"inputs": ["word"]}, r"column 'word' is CHAR\(1\).*, a model takes BOOLEAN, integers, FLOAT or"),
        ({"inputs": ["since"]}, "column 'since' is DATE.*: CAST it in SQL"),
        ({"inputs": ["cost"]}, r"column 'cost' is DECIMAL\(4, 2\).*: CAST it in SQL"),
        ({"inputs": ["many"]}, "column 'many' is ARRAY.* give the width of an ARRAY column in groups"),
        (
            {"inputs": ["g"], "label": "cost", "groups": {"g": ["x", "y"]}, "dtype": None},
            "column 'cost' is DECIMAL",
        ),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    tables: StreamTableEnvironment, options: dict[str, Any], error: str
) -> None:
    with pytest.raises(PlanError, match=error):
        estimator(**options).fit(table(tables))


def test_columns_of_several_types_are_one_tensor_only_where_they_are_cast(
    tables: StreamTableEnvironment,
) -> None:
    wide = tables.sql_query("SELECT * FROM (VALUES (1, 2.5e0, 1)) AS t (x, z, y)")
    mixed = estimator(inputs=["g"], groups={"g": ["x", "z"]}, dtype=None)
    with pytest.raises(PlanError, match="group 'g' has columns of several types: set dtype=, or CAST them"):
        mixed.fit(wide)


def test_only_tables_of_streams_are_fitted_and_transformed(gateway: None) -> None:
    plain = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    with pytest.raises(PlanError, match=r"of a TableEnvironment: make it with StreamTableEnvironment.create"):
        estimator().fit(table(plain))
    with pytest.raises(PlanError, match="the rows are a list, they must be a Table"):
        estimator().fit([(1, 2)])
    with pytest.raises(PlanError, match="the rows are a int, they must be a Table"):
        model().transform(3)  # type: ignore[arg-type]


def test_a_borrowed_environment_is_given_back_as_it_was() -> None:
    """Options on both levels, and what was planned; also when planning fails."""
    configuration = Configuration()
    configuration.set_string("execution.checkpointing.interval", "7 s")
    env = StreamExecutionEnvironment.get_execution_environment(configuration)
    tables = StreamTableEnvironment.create(env)
    tables.get_config().set("execution.checkpointing.interval", "3 s")
    env.from_collection([1]).map(str)
    operators = env._j_stream_execution_environment.getTransformations()
    planned, before = len(operators), environment_options(env).to_dict()

    def plan() -> None:
        assert "execution.checkpointing.interval" not in environment_options(env).to_dict()
        assert tables.get_config().get("execution.checkpointing.interval", "none") == "none"
        environment_options(env).set_string("restart-strategy.type", "none")
        env.from_collection([2]).map(str)
        assert len(operators) > planned
        raise KeyError

    with pytest.raises(KeyError), borrowed(env, tables):
        plan()
    assert len(operators) == planned
    assert environment_options(env).to_dict() == before
    assert tables.get_config().get("execution.checkpointing.interval", "none") == "3 s"


# Models in their folders

FORM = Form(
    Arguments(("x", "pair", "v"), {"pair": ("a", "b"), "v": 16}, "float32"),
    (("score", "FLOAT NOT NULL"), ("scores", "ARRAY<DOUBLE>")),
    (2.0, 0.5),
)


def model(factory: Any = environment_options, cls: type[Any] = TorchModel) -> Any:
    return cls(FORM, factory, b"weights")


@pytest.mark.parametrize("cls", [TorchModel, KerasModel])
def test_a_saved_model_is_loaded(tmp_path: Path, cls: type[Any]) -> None:
    """All of it; it can be saved again, over another one, and nothing is left beside it."""
    found = cls.load(model(cls=cls).save(tmp_path / "a" / "model"))
    assert found.factory == Named("ml_operator.bridge:environment_options")
    assert (found.losses, found.weights, found._form) == ((2.0, 0.5), b"weights", FORM)
    again = cls.load(found.save(tmp_path / "a" / "model"))
    assert again.factory == found.factory
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["model"]
    assert sorted(path.name for path in (tmp_path / "a" / "model").iterdir()) == sorted(
        ["estimator.json", cls.weights_file]
    )


def test_answers_have_their_types_again(tables: StreamTableEnvironment) -> None:
    expected = [("score", DataTypes.FLOAT(nullable=False)), ("scores", DataTypes.ARRAY(DataTypes.DOUBLE()))]
    assert FORM.output == expected
    assert Form.of(FORM.arguments, expected, FORM.losses) == FORM


def test_a_factory_without_a_name_is_saved_by_value(tmp_path: Path) -> None:
    """It is unpickled by who calls it, and not at all where another one is passed."""
    model(partial(int, "12")).save(tmp_path / "model")
    found = TorchModel.load(tmp_path / "model")
    assert isinstance(found.factory, Pickled)
    assert found.factory() == 12
    again = TorchModel.load(found.save(tmp_path / "again"))
    assert again.factory == found.factory
    (tmp_path / "model" / "factory.pickle").write_bytes(b"no pickle")
    assert TorchModel.load(tmp_path / "model", factory=list).factory is list


def changed(path: Path, **values: Any) -> None:
    description = path / "estimator.json"
    description.write_text(json.dumps({**json.loads(description.read_text()), **values}))


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda path: path.rename(path.with_name("other")), "there is no folder .*: give the one that save"),
        (lambda path: (path / "estimator.json").unlink(), "is no saved model: it has no estimator.json"),
        (lambda path: (path / "estimator.json").write_text("[]"), "estimator.json is broken"),
        (lambda path: (path / "weights.pt").unlink(), "is not whole, weights.pt is missing: save the model"),
        (
            lambda path: changed(path, format=2),
            "has format 2, and this ml-on-flink reads no newer one",
        ),
        (lambda path: changed(path, framework="keras"), "is a model of keras, not of torch: load it with"),
        (lambda path: changed(path, factory=None), "is not whole, factory.pickle is missing"),
        (lambda path: changed(path, factory="no_module.sub:Net"), "there is no module 'no_module.sub' here"),
        (lambda path: changed(path, factory="no_module:Net"), "there is no module 'no_module' here: put its"),
    ],
)
def test_what_cannot_be_loaded_is_told(tmp_path: Path, spoil: Any, error: str) -> None:
    model().save(tmp_path / "model")
    spoil(tmp_path / "model")
    with pytest.raises(ModelError, match=error):
        TorchModel.load(tmp_path / "model")


def test_only_models_are_replaced(tmp_path: Path) -> None:
    """Not a folder of something else."""
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="is there, and is no model that could be replaced"):
        model().save(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_cluster_needs_a_saved_model() -> None:
    """Other machines do not see what lies aside."""
    env = StreamExecutionEnvironment.get_execution_environment()
    given = table(StreamTableEnvironment.create(env))
    environment_options(env).set_string("execution.target", "remote")
    with pytest.raises(PlanError, match=r"execution\.target is 'remote', and the model was not saved: save"):
        model().transform(given)
