"""Models of PyTorch, as they score a stream: loaded from their files, called with a batch."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any, BinaryIO

import torch
from torch.export.passes import move_to_device_pass
from torch.utils._pytree import tree_map_only

from ml_framework import context
from ml_framework.errors import ModelError
from ml_framework.inference.loader import ModelLoader
from torch_integration.batches import Batch
from torch_integration.inference import EXPORTED
from torch_integration.state import TORCH

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from ml_framework.codec import RecordBatch

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
            self.check_whole(path)
            return _on_device(_exported(path))
        if not path.is_file():
            raise ModelError(f"{path} is no file: a model of PyTorch is one")
        if _is_script(path):
            self.check_whole(path)
            script: torch.nn.Module = torch.jit.load(path, map_location=_device())  # type: ignore[no-untyped-call]
            return _on_device(script.eval())
        if self.factory is None:
            raise ModelError(
                f"{path} holds no module but a state dict: pass factory=, which makes the module for it, or "
                f"save the model with torch.export.save as a {EXPORTED} file"
            )
        return _on_device(filled(self.factory, path).to(_device()))

    def tensor(self, values: NDArray[Any]) -> torch.Tensor:
        """An array as a tensor."""
        return torch.from_numpy(values)

    def array(self, values: Any) -> NDArray[Any]:
        """A tensor as an array."""
        array: NDArray[Any] = torch.as_tensor(values).numpy(force=True)
        return array

    def answered(self, function: Callable[..., Any], batch: context.Batch) -> dict[str, NDArray[Any]]:
        """Without what training would need."""
        with torch.inference_mode():
            return super().answered(function, batch)


def made(factory: Callable[[], torch.nn.Module]) -> torch.nn.Module:
    """The module of `factory`; `ModelError` where it makes something else."""
    module: object = factory()
    if not isinstance(module, torch.nn.Module):
        raise ModelError(f"the factory makes a {type(module).__name__}, it has to make a torch.nn.Module")
    return module


def filled(factory: Callable[[], torch.nn.Module], state: Path | BinaryIO) -> torch.nn.Module:
    """The module of `factory` with the weights of the file `state`, for inference."""
    module = made(factory)
    module.load_state_dict(torch.load(state, map_location="cpu", weights_only=True))
    return module.eval()


def _device() -> torch.device:
    """The GPU that this process sees, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _exported(path: Path) -> torch.nn.Module:
    program = torch.export.load(path)
    device = _device()
    return (program if device.type == "cpu" else move_to_device_pass(program, device)).module()


def _on_device(module: torch.nn.Module) -> Callable[..., Any]:
    """`module`, with the tensors that it is called with brought to its device."""
    device = _device()
    if device.type == "cpu":
        return module

    def function(*arguments: Any, **named: Any) -> Any:
        arguments, named = tree_map_only(
            torch.Tensor, lambda tensor: tensor.to(device, non_blocking=True), (arguments, named)
        )
        return module(*arguments, **named)

    return function


def _is_script(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.rpartition("/")[2] == _SCRIPT_ENTRY for name in archive.namelist())
