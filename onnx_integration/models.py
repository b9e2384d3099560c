"""Models in ONNX, as they score a stream: loaded from their files, called with a batch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from ml_framework.errors import ModelError
from ml_framework.inference.loader import ModelLoader
from ml_framework.runner.threads import THREADS_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

_WARNING = 2


class OnnxModels(ModelLoader):
    """Loads models in ONNX; see `onnx_integration.inference`."""

    def load(self, path: Path) -> Callable[..., Any]:
        """A session of ONNX Runtime, as a function of its inputs."""
        file = _file(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get(THREADS_VARIABLE, "1"))
        options.log_severity_level = _WARNING
        session = onnxruntime.InferenceSession(file, options, providers=onnxruntime.get_available_providers())
        names = [declared.name for declared in session.get_inputs()]

        def function(*inputs: Any, **named: Any) -> list[Any]:
            if not named:
                _check_count(names, inputs)
                named = dict(zip(names, inputs, strict=True))
            outputs: list[Any] = session.run(None, {name: np.asarray(value) for name, value in named.items()})
            return outputs

        return function

    def array(self, values: Any) -> NDArray[Any]:
        """An answer as an array."""
        return np.asarray(values)


def _file(path: Path) -> Path:
    files = [path] if path.is_file() else sorted(path.glob("*.onnx"))
    if len(files) != 1:
        raise ModelError(
            f"{path} is no model in ONNX: neither an .onnx file, nor a folder with one such file"
        )
    return files[0]


def _check_count(names: list[str], inputs: tuple[Any, ...]) -> None:
    if len(names) != len(inputs):
        raise ModelError(f"the model has the inputs {', '.join(names)}, and is called with {len(inputs)}")
