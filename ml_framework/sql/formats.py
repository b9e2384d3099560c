"""The forms of a model's file, by the names that SQL has for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml_framework.errors import PlanError
from ml_framework.names import suggestion
from ml_framework.runner.entrypoint import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_framework.inference.runner import InferenceRunner

_TORCH, _TENSORFLOW, _ONNX = "torch_integration", "tf_integration", "onnx_integration"


@dataclass(frozen=True)
class Format:
    """The form of a model's file.

    Args:
        name: in SQL.
        package: which scores such a model.
        of_weights: the file holds weights alone, and a function makes the model for them.
        ending: of the name of such a file, by which the package tells it from others; empty for any.
    """

    name: str
    package: str
    of_weights: bool = False
    ending: str = ""

    @property
    def runner(self) -> type[InferenceRunner]:
        """Scores such a model."""
        found: type[InferenceRunner] = resolve(f"{self.package}.inference:InferenceRunner")
        return found

    @property
    def takes_numbers_alone(self) -> bool:
        """Whether the framework has no tensors of text, nor of arrays of different lengths."""
        return self.package != _TENSORFLOW

    def check_path(self, path: str) -> None:
        """Refuse a file that is there, and is of another form, with `PlanError`."""
        if not path.endswith(self.ending) and Path(path).is_file():
            raise PlanError(
                f"'path' is {path!r}, and a file of 'format' {self.name!r} has a name that ends in "
                f"{self.ending}: name it so, or give the format that it has"
            )


_FORMATS: Mapping[str, Format] = {
    form.name: form
    for form in (
        Format("torch-export", _TORCH, ending=".pt2"),
        Format("torchscript", _TORCH),
        Format("state-dict", _TORCH, of_weights=True),
        Format("keras", _TENSORFLOW, ending=".keras"),
        Format("keras-weights", _TENSORFLOW, of_weights=True, ending=".weights.h5"),
        Format("saved-model", _TENSORFLOW),
        Format("onnx", _ONNX),
    )
}


def find(name: str | None) -> Format:
    """The format called `name`.

    Raises:
        PlanError: there is none.
    """
    if name is None:
        raise PlanError(f"'format' is missing: there are {', '.join(map(repr, _FORMATS))}")
    if name not in _FORMATS:
        raise PlanError(f"there is no 'format' {name!r}: {suggestion(name, list(_FORMATS))}")
    return _FORMATS[name]
