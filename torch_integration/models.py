"""Models of PyTorch, as they score a stream: loaded from their files, called with a batch."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ml_framework.context import NodeContext
from ml_framework.errors import ModelError
from torch_integration.batches import Batch
from torch_integration.state import TORCH

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ml_framework.codec import RecordBatch
    from ml_framework.inference import Model

EXPORTED = ".pt2"
"""How the name of a file of ``torch.export.save`` ends."""
_SCRIPT_ENTRY = "constants.pkl"
"""What the archive of a TorchScript has, and that of ``torch.save`` has not."""


class ScoringContext(NodeContext):
    """The context of a node that scores by itself: batches of tensors, and no process group."""

    _framework = TORCH

    def _columns(self, records: RecordBatch, global_rows: int) -> Batch:
        return Batch(records, global_rows, world_size=1)


@dataclass(frozen=True)
class TorchModels:
    """Loads models of PyTorch; see `torch_integration.inference`."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    factory: Callable[[], torch.nn.Module] | None
    preprocess: Callable[[Batch], Any] | None
    postprocess: Callable[[Any], Any] | None

    def __call__(self, path: Path) -> Model:
        """The model at `path`, which answers batches.

        Raises:
            ModelError: there is none, or its form is not known.
        """
        module = self._module(path)

        def model(batch: Any) -> Mapping[str, NDArray[Any]]:
            with torch.inference_mode():
                answers = _called(module, self._prepared(batch))
                if self.postprocess is not None:
                    answers = self.postprocess(answers)
                return _named(answers, self.outputs)

        return model

    def _module(self, path: Path) -> Callable[..., Any]:
        if path.suffix == EXPORTED:
            return torch.export.load(path).module()
        if not path.is_file():
            raise ModelError(f"{path} is no file: a model of PyTorch is one")
        if _is_script(path):
            script: torch.nn.Module = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
            return script.eval()
        return self._filled(path)

    def _filled(self, path: Path) -> torch.nn.Module:
        if self.factory is None:
            raise ModelError(
                f"{path} holds no module but a state dict: pass factory=, which makes the module for it, or "
                f"save the model with torch.export.save as a {EXPORTED} file"
            )
        module = self.factory()
        module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        return module.eval()

    def _prepared(self, batch: Batch) -> Any:
        if self.preprocess is not None:
            return self.preprocess(batch)
        return tuple(batch[name] for name in self.inputs)


def _is_script(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.rpartition("/")[2] == _SCRIPT_ENTRY for name in archive.namelist())


def _called(module: Callable[..., Any], inputs: Any) -> Any:
    """`module` called with what pre-processing gave: by name, by position, or as the one argument."""
    if isinstance(inputs, Mapping):
        return module(**inputs)
    if isinstance(inputs, tuple):
        return module(*inputs)
    return module(inputs)


def _named(answers: Any, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The answers by name; without names they are in the order of the output."""
    if not isinstance(answers, Mapping):
        several = answers if isinstance(answers, (tuple, list)) else (answers,)
        if len(several) != len(names):
            raise ModelError(f"the model answers {len(several)} tensors, the output has {', '.join(names)}")
        answers = dict(zip(names, several, strict=True))
    return {name: torch.as_tensor(values).cpu().numpy() for name, values in answers.items()}
