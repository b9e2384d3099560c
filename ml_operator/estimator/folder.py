"""The folder in which a model is kept.

::

    line/estimator.json       what the model is called with, what it answers, its factory by name
         weights.pt           as the framework writes them
         factory.pickle       the factory, where it cannot be imported
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pyflink.java_gateway import get_gateway
from pyflink.table.types import _from_java_data_type, _to_java_data_type

from ml_framework.context.atomic import write_whole
from ml_framework.errors import ModelError
from ml_framework.estimator import Arguments, Pickled
from ml_framework.runner.entrypoint import Named, importable_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pyflink.table.types import DataType

    Factory = Callable[[], Any]

DESCRIPTION = "estimator.json"
_FACTORY = "factory.pickle"
_FORMAT = 1


@dataclass(frozen=True)
class Form:
    """What is known of a model beside its weights.

    Args:
        arguments: what it is called with.
        answers: its answers by name, and their types in SQL.
        losses: mean loss of each epoch in which it was fitted.
    """

    arguments: Arguments
    answers: tuple[tuple[str, str], ...]
    losses: tuple[float, ...]

    @classmethod
    def of(
        cls, arguments: Arguments, output: Sequence[tuple[str, DataType]], losses: tuple[float, ...]
    ) -> Form:
        """That of a model with PyFlink's types."""
        answers = tuple((name, _to_java_data_type(kind).getLogicalType()) for name, kind in output)
        return cls(arguments, tuple((name, kind.asSerializableString()) for name, kind in answers), losses)

    @property
    def output(self) -> list[tuple[str, DataType]]:
        """The answers in PyFlink's types."""
        types = get_gateway().jvm.org.apache.flink.table.types
        loader = get_gateway().jvm.Thread.currentThread().getContextClassLoader()
        parsed = [
            (name, types.logical.utils.LogicalTypeParser.parse(kind, loader)) for name, kind in self.answers
        ]
        convert = types.utils.TypeConversions.fromLogicalToDataType
        return [(name, _from_java_data_type(convert(kind))) for name, kind in parsed]

    def to_json(self) -> dict[str, Any]:
        """A JSON-able form that `from_json` reads."""
        return {
            "inputs": self.arguments.inputs,
            "groups": dict(self.arguments.groups),
            "dtype": self.arguments.dtype,
            "answers": self.answers,
            "losses": self.losses,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Form:
        """The form that `to_json` wrote."""
        groups = {
            name: columns if isinstance(columns, int) else tuple(columns)
            for name, columns in data["groups"].items()
        }
        return cls(
            Arguments(tuple(data["inputs"]), groups, data["dtype"]),
            tuple((name, kind) for name, kind in data["answers"]),
            tuple(data["losses"]),
        )


def write(path: Path, framework: str, form: Form, factory: Factory, weights: tuple[str, bytes]) -> None:
    """Write the folder of a model, whole or not at all; a model that is there is replaced.

    Args:
        path: of the folder.
        framework: of the model.
        form: of the model.
        factory: of the model.
        weights: their file, by name, and its content.

    Raises:
        FileExistsError: something else is there.
        PlanError: the factory can neither be imported nor pickled.
    """
    if path.exists() and not (path / DESCRIPTION).is_file():
        raise FileExistsError(f"{path} is there, and is no model that could be replaced: choose another path")
    name = factory.name if isinstance(factory, Named) else importable_name(factory)
    pickled = None if name else factory.content if isinstance(factory, Pickled) else _pickled(factory)
    description = {"format": _FORMAT, "framework": framework, "factory": name, **form.to_json()}

    def fill(folder: Path) -> None:
        folder.mkdir()
        (folder / DESCRIPTION).write_text(json.dumps(description, indent=2), encoding="utf-8")
        (folder / weights[0]).write_bytes(weights[1])
        if pickled is not None:
            (folder / _FACTORY).write_bytes(pickled)

    write_whole(path, fill)


def read(
    path: Path, framework: str, weights_file: str, factory: Factory | None
) -> tuple[Form, Factory, bytes]:
    """The model in a folder: form, factory and weights. Nothing is imported, and no code is run.

    Args:
        path: of the folder.
        framework: of the model.
        weights_file: name of the file of its weights.
        factory: in place of the one that was saved; None takes that.

    Raises:
        ModelError: there is no such model, or it cannot be used here.
    """
    if not path.is_dir():
        raise ModelError(f"there is no folder {path}: give the one that save() has written")
    if not (path / DESCRIPTION).is_file():
        raise ModelError(f"{path} is no saved model: it has no {DESCRIPTION}")
    try:
        data = json.loads((path / DESCRIPTION).read_text(encoding="utf-8"))
        version, whose = data["format"], data["framework"]
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path / DESCRIPTION} is broken ({error}): save the model anew") from error
    if version > _FORMAT:
        raise ModelError(
            f"{path} has format {version}, and this ml-on-flink reads no newer one than {_FORMAT}: upgrade it"
        )
    if whose != framework:
        raise ModelError(f"{path} is a model of {whose}, not of {framework}: load it with that one's class")
    for name in (weights_file, *([] if factory or data["factory"] else [_FACTORY])):
        if not (path / name).is_file():
            raise ModelError(f"{path} is not whole, {name} is missing: save the model anew")
    found = factory or (
        _named(path, data["factory"]) if data["factory"] else Pickled((path / _FACTORY).read_bytes())
    )
    return Form.from_json(data), found, (path / weights_file).read_bytes()


def _named(path: Path, name: str) -> Named:
    module = name.partition(":")[0]
    try:
        found = find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise ModelError(
            f"{path}: the model is made by {name}, and there is no module {module!r} here: put its folder "
            "into PYTHONPATH, or pass factory="
        )
    return Named(name)


def _pickled(factory: Factory) -> bytes:
    import cloudpickle  # noqa: PLC0415 - only where a factory has no name

    return bytes(cloudpickle.dumps(factory))
