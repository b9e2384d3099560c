"""Models of PyTorch, as they score a stream: loaded from their files, called with a batch."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import torch

from ml_framework import context
from ml_framework.errors import ModelError
from ml_framework.inference.loader import ModelLoader
from torch_integration.batches import Batch
from torch_integration.state import TORCH

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from ml_framework.codec import RecordBatch

EXPORTED = ".pt2"
"""How the name of a file of ``torch.export.save`` ends."""
_SCRIPT_ENTRY = "constants.pkl"
"""What the archive of a TorchScript has, and that of ``torch.save`` has not."""


class ScoringContext(context.NodeContext):
    """The context of a node that scores by itself: batches of tensors, and no process group."""

    _framework = TORCH

    def _columns(self, records: RecordBatch, global_rows: int) -> Batch:
        return Batch(records, global_rows, world_size=1)


class TorchModels(ModelLoader):
    """Loads models of PyTorch; see `torch_integration.inference`."""

    def load(self, path: Path) -> Callable[..., Any]:
        """A program of ``torch.export``, a TorchScript, or a module for a state dict."""
        if path.suffix == EXPORTED:
            return torch.export.load(path).module()
        if not path.is_file():
            raise ModelError(f"{path} is no file: a model of PyTorch is one")
        if _is_script(path):
            script: torch.nn.Module = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
            return script.eval()
        return self._filled(path)

    def array(self, values: Any) -> NDArray[Any]:
        """A tensor as an array."""
        array: NDArray[Any] = torch.as_tensor(values).numpy()
        return array

    def answered(self, function: Callable[..., Any], batch: context.Batch) -> dict[str, NDArray[Any]]:
        """Without what training would need."""
        with torch.inference_mode():
            return super().answered(function, batch)

    def _filled(self, path: Path) -> torch.nn.Module:
        if self.factory is None:
            raise ModelError(
                f"{path} holds no module but a state dict: pass factory=, which makes the module for it, or "
                f"save the model with torch.export.save as a {EXPORTED} file"
            )
        module: torch.nn.Module = self.factory()
        module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        return module.eval()


def _is_script(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.rpartition("/")[2] == _SCRIPT_ENTRY for name in archive.namelist())
