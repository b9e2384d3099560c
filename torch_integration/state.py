"""What PyTorch adds to a checkpoint: its tensors, its objects, its random numbers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel

from ml_framework.checkpoint import Framework
from ml_framework.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    from ml_framework.checkpoint import Kind
    from ml_framework.checkpoint.framework import Functions


class Tensors:
    """Dense tensors and parameters of any device; read back as tensors on the CPU, without gradients."""

    name = "torch.Tensor"

    def matches(self, value: Any) -> bool:
        """Whether `value` is a tensor."""
        return isinstance(value, torch.Tensor)

    def describe(self, value: torch.Tensor) -> tuple[str, tuple[int, ...]]:
        """The name of its dtype, and its shape."""
        if type(value) not in (torch.Tensor, torch.nn.Parameter):
            raise CheckpointError(f"a {type(value).__qualname__} is no plain tensor: save a torch.Tensor")
        if value.layout != torch.strided or value.is_quantized or value.is_meta:
            raise CheckpointError(
                f"a tensor of layout {value.layout}, dtype {value.dtype}, on device {value.device} has no "
                "plain elements: save a dense tensor"
            )
        return str(value.dtype).removeprefix("torch."), tuple(value.shape)

    def identity(self, value: torch.Tensor) -> Hashable:
        """Where it lies, and how: a state dict has a new tensor for each name of tied weights."""
        if not value.numel():
            return id(value)
        bits = value.is_conj(), value.is_neg()
        return value.device, value.data_ptr(), value.dtype, value.shape, value.stride(), bits

    def nbytes(self, value: torch.Tensor) -> int:
        """Bytes of its elements."""
        return value.numel() * value.element_size()

    def write(self, value: torch.Tensor, memory: memoryview) -> None:
        """Copy the elements in row-major order, from wherever they are."""
        value = value.detach()
        if not value.numel():
            return
        if value.is_cpu and value.is_contiguous() and not value.is_conj() and not value.is_neg():
            # One thread fills the memory's bandwidth; torch would wait for all of its threads at each tensor.
            np.copyto(np.frombuffer(memory, np.uint8), _bytes_of(value))
        else:
            torch.frombuffer(memory, dtype=value.dtype).view(value.shape).copy_(value)

    def read(self, description: Any, memory: memoryview) -> torch.Tensor:
        """A new tensor on the CPU."""
        dtype = getattr(torch, description[0])
        tensor = torch.empty(description[1], dtype=dtype)
        if self.nbytes(tensor) != len(memory):
            raise ValueError(f"a tensor {tuple(tensor.shape)} of {dtype} in {len(memory)} bytes")
        if tensor.numel():
            np.copyto(_bytes_of(tensor), np.frombuffer(memory, np.uint8))
        return tensor


def _bytes_of(tensor: torch.Tensor) -> NDArray[np.uint8]:
    """The memory of a contiguous tensor on the CPU."""
    return tensor.view(-1).view(torch.uint8).numpy()


def _is_sharded(item: Any) -> bool:
    """Whether every rank has a part of it; who has such a module has imported what this need not, slowly."""
    fsdp = sys.modules.get("torch.distributed.fsdp")
    return fsdp is not None and isinstance(item, fsdp.FullyShardedDataParallel)


class TorchFramework(Framework):
    """Checkpoints of PyTorch.

    Optimizers, learning-rate schedulers and gradient scalers are saved by their ``state_dict()``, as any
    object that has one. Of a scheduler with functions (`LambdaLR`) that is all but the functions.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (Tensors(),)

    def adapt(self, name: str, item: Any) -> Functions | None:
        """Wrappers around modules, whose state has to fit any number of ranks, and generators."""
        if _is_sharded(item):
            raise CheckpointError(
                f"{name!r} is spread over the ranks, and a checkpoint takes what rank 0 has: "
                "use DistributedDataParallel"
            )
        if isinstance(item, DistributedDataParallel):
            return item.module.state_dict, item.module.load_state_dict
        if isinstance(item, torch.Generator):
            return item.get_state, item.set_state
        return None

    def random_state(self) -> dict[str, Any]:
        """`Framework.random_state`, and torch's: of the CPU, and of all CUDA devices if any is in use."""
        in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
        cuda = torch.cuda.get_rng_state_all() if in_use else []
        return {**super().random_state(), "torch": torch.get_rng_state(), "cuda": cuda}

    def set_random_state(self, state: dict[str, Any]) -> None:
        """Go back to what `random_state` gave; devices that are no longer there are left out."""
        super().set_random_state(state)
        torch.set_rng_state(state["torch"])
        for device, saved in zip(range(torch.cuda.device_count()), state["cuda"], strict=False):
            torch.cuda.set_rng_state(saved, device)


TORCH: Final = TorchFramework()
