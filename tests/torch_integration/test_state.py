"""Checkpoints of PyTorch: tensors, models, optimizers, schedulers, random numbers."""

from __future__ import annotations

import copy
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from ml_framework.checkpoint import Encoding, decode, stateful
from ml_framework.errors import CheckpointError
from torch_integration.state import TORCH

if TYPE_CHECKING:
    from collections.abc import Iterator


def again(tree: Any) -> Any:
    """What comes back, from memory that cannot be written."""
    encoding = Encoding(tree, TORCH.kinds)
    memory = bytearray(encoding.nbytes)
    encoding.write(memoryview(memory))
    return decode(bytes(memory), TORCH.kinds)


def restored(source: Any, target: Any) -> Any:
    """`target` with the state of `source`, through a checkpoint."""
    stateful("it", target, TORCH).load(again(stateful("it", source, TORCH).save()))
    return target


_DTYPES = [
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.complex64,
    torch.bool,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
]


@pytest.mark.parametrize("dtype", _DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 3)], ids=str)
def test_tensors_of_every_type_come_back(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    """Dtype, shape and bits."""
    tensor = (torch.rand(shape) * 5).to(dtype)
    found = again({"x": tensor})["x"]
    assert (found.dtype, found.shape) == (tensor.dtype, tensor.shape)
    assert torch.equal(found.view(-1).view(torch.uint8), tensor.view(-1).view(torch.uint8))


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(12.0).reshape(3, 4).T,
        torch.arange(12)[::3],
        torch.ones(3).expand(4, 3),
        torch.tensor([1 + 2j]).conj(),
        torch.tensor([1 + 2j]).conj().imag,
        torch.arange(8, dtype=torch.bfloat16)[1::2],
        torch.nn.Parameter(torch.ones(2)),
    ],
    ids=repr,
)
def test_tensors_that_lie_otherwise_come_back_by_value(tensor: torch.Tensor) -> None:
    """Transposed, strided, repeated, conjugated or with a gradient: dense, and plain, afterwards."""
    found = again(tensor)
    assert torch.equal(found, tensor)
    assert found.is_contiguous()
    assert not found.requires_grad


def test_tensors_have_memory_of_their_own() -> None:
    """An optimizer keeps what it loads, and writes to it."""
    found = again(torch.zeros(2))
    found += 1
    assert found.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (
            torch.eye(2).to_sparse(),
            "m.x: a tensor of layout torch.sparse_coo, dtype torch.float32, on device cpu",
        ),
        (torch.ones(2, device="meta"), "on device meta has no plain elements: save a dense tensor"),
        (torch.nn.UninitializedParameter(), "m.x: a UninitializedParameter is no plain tensor"),
    ],
    ids=["sparse", "meta", "lazy"],
)
def test_other_tensors_are_refused(tensor: torch.Tensor, message: str) -> None:
    """With the path and the reason."""
    with pytest.raises(CheckpointError, match=re.escape(message)):
        Encoding({"m": {"x": tensor}}, TORCH.kinds)


def test_tensors_need_their_framework() -> None:
    """A state of PyTorch that is read without it says so."""
    encoding = Encoding({"x": torch.ones(1)}, TORCH.kinds)
    memory = bytearray(encoding.nbytes)
    encoding.write(memoryview(memory))
    with pytest.raises(CheckpointError, match=r"holds a torch\.Tensor, which this role cannot read"):
        decode(memory)


class Tied(torch.nn.Module):
    """A decoder that has the weights of its encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.Linear(64, 64, bias=False)
        self.decoder = torch.nn.Linear(64, 64, bias=False)
        self.decoder.weight = self.encoder.weight


def test_tied_weights_are_saved_once() -> None:
    """Though the state dict has a tensor for each name."""
    state = Tied().state_dict()
    assert Encoding(state, TORCH.kinds).nbytes < 64 * 64 * 4 + 1024
    found = again(state)
    assert found["encoder.weight"] is found["decoder.weight"]
    source, target = Tied(), Tied()
    restored(source, target)
    assert torch.equal(target.decoder.weight, source.encoder.weight)
    assert target.decoder.weight is target.encoder.weight


def model(width: int = 4) -> torch.nn.Module:
    """A small one, with buffers."""
    return torch.nn.Sequential(
        torch.nn.Linear(3, width),
        torch.nn.BatchNorm1d(width),
        torch.nn.Dropout(0.5),
        torch.nn.Linear(width, 1),
    )


def step(net: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """One of training."""
    optimizer.zero_grad()
    net(torch.linspace(0, 1, 15).reshape(5, 3)).square().sum().backward()
    optimizer.step()


@pytest.mark.parametrize("steps", [0, 2], ids=["before the first step", "after two steps"])
def test_training_goes_on_as_if_nothing_had_been(steps: int) -> None:
    """Model, Adam, scheduler and random numbers together: bit by bit."""
    net = model()
    optimizer = torch.optim.Adam(net.parameters(), 0.1)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [1, 3], 0.5)
    for _ in range(steps):
        step(net, optimizer)
        scheduler.step()
    saved = again(
        {"net": net.state_dict(), "adam": optimizer.state_dict(), "lr": scheduler.state_dict()}
        | {"random": TORCH.random_state()}
    )
    other = model()
    other_optimizer = torch.optim.Adam(other.parameters(), 0.7)
    other_scheduler = torch.optim.lr_scheduler.MultiStepLR(other_optimizer, [1, 3], 0.5)
    step(other, other_optimizer)
    for item, name in ((other, "net"), (other_optimizer, "adam"), (other_scheduler, "lr")):
        stateful(name, item, TORCH).load(saved[name])
    for each, its, lr in ((net, optimizer, scheduler), (other, other_optimizer, other_scheduler)):
        TORCH.set_random_state(saved["random"])
        for _ in range(3):
            step(each, its)
            lr.step()
    assert other_scheduler.get_last_lr() == scheduler.get_last_lr()
    expected = net.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in other.state_dict().items())


def test_a_model_of_another_shape_is_refused() -> None:
    """With the parameter and both shapes."""
    with pytest.raises(CheckpointError) as refusal:
        restored(model(4), model(5))
    text = str(refusal.value)
    assert text.startswith("the state of 'it' in the checkpoint does not fit: Error(s) in loading")
    assert "size mismatch for 0.weight" in text
    assert "torch.Size([4, 3])" in text
    assert text.endswith("]); build 'it' as it was when the checkpoint was taken, or start without it")


def test_other_parameters_are_refused() -> None:
    """Missing and unexpected ones, by name."""
    with pytest.raises(
        CheckpointError, match=r"(?s)Missing key.*\"a\.weight\".*Unexpected key.*\"b\.weight\""
    ):
        restored(
            torch.nn.ModuleDict({"b": torch.nn.Linear(1, 1)}),
            torch.nn.ModuleDict({"a": torch.nn.Linear(1, 1)}),
        )


def test_an_optimizer_of_other_groups_is_refused() -> None:
    """In its own words."""
    one, two = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    with pytest.raises(
        CheckpointError, match="does not fit: loaded state dict has a different number of param"
    ):
        restored(
            torch.optim.Adam(one.parameters()),
            torch.optim.Adam([{"params": one.parameters()}, {"params": two.parameters()}]),
        )


class Decay:
    """A schedule that is an object with data."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, epoch: int) -> float:
        return self.rate**epoch


def test_a_schedule_of_functions_is_saved_without_them() -> None:
    """`LambdaLR` leaves functions out, and saves the data of objects."""
    optimizer = torch.optim.SGD(model().parameters(), 1.0)
    source: Any = torch.optim.lr_scheduler.LambdaLR(optimizer, Decay(0.5))
    optimizer.step()
    source.step()
    target: Any = torch.optim.lr_scheduler.LambdaLR(optimizer, Decay(0.1))
    restored(source, target)
    assert (target.last_epoch, target.lr_lambdas[0].rate) == (1, 0.5)
    plain: Any = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (epoch + 1))
    assert again(plain.state_dict())["lr_lambdas"] == [None]


def test_a_schedule_with_a_function_within_is_refused_with_its_path() -> None:
    """Where it is, and what it is."""
    schedule: Any = Decay(0.5)
    schedule.after = lambda epoch: epoch
    optimizer = torch.optim.SGD(model().parameters(), 1.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)
    with pytest.raises(CheckpointError, match=r"^scheduler\.lr_lambdas\[0\]\.after is a function, which"):
        Encoding({"scheduler": scheduler.state_dict()}, TORCH.kinds)


@pytest.mark.parametrize(
    "make",
    [
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 1.0, 10),
        torch.optim.lr_scheduler.ReduceLROnPlateau,
        lambda o: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 3),
        lambda o: torch.optim.lr_scheduler.CyclicLR(o, 0.1, 0.2),
        lambda o: torch.optim.lr_scheduler.ChainedScheduler([torch.optim.lr_scheduler.StepLR(o, 1)]),
    ],
    ids=["OneCycle", "Plateau", "WarmRestarts", "Cyclic", "Chained"],
)
def test_schedulers_come_back(make: Any) -> None:
    """Their state dicts are plain data."""
    scheduler = make(torch.optim.SGD(model().parameters(), 0.1, momentum=0.9))
    assert again(scheduler.state_dict()) == scheduler.state_dict()


def test_a_gradient_scaler_comes_back() -> None:
    """By its state dict."""
    source, target = torch.amp.GradScaler("cpu", init_scale=8.0), torch.amp.GradScaler("cpu")
    assert restored(source, target).state_dict() == source.state_dict()


@pytest.fixture
def group() -> Iterator[None]:
    """A process group of this process alone."""
    store = dist.TCPStore("127.0.0.1", 0, 1, is_master=True, timeout=timedelta(seconds=30))  # type: ignore[attr-defined]
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("group")
def test_a_wrapped_model_has_the_state_of_the_model() -> None:
    """So it fits whether it is wrapped or not."""
    source, target = model(), DistributedDataParallel(model())
    assert list(stateful("m", target, TORCH).save()) == list(source.state_dict())
    restored(source, target)
    assert torch.equal(target.module.get_parameter("0.weight"), source.get_parameter("0.weight"))
    back = restored(target, model())
    assert torch.equal(back.get_parameter("3.weight"), source.get_parameter("3.weight"))


def test_a_sharded_model_is_refused() -> None:
    """Rank 0 has not all of it."""
    from torch.distributed.fsdp import FullyShardedDataParallel  # noqa: PLC0415 - slow

    sharded = FullyShardedDataParallel.__new__(FullyShardedDataParallel)
    with pytest.raises(
        CheckpointError, match=r"^'m' is spread over the ranks, .* use DistributedDataParallel$"
    ):
        stateful("m", sharded, TORCH)


def test_a_generator_goes_on_where_it_was() -> None:
    """One that user code has made."""
    source = torch.Generator().manual_seed(1)
    torch.rand(3, generator=source)
    target = restored(source, torch.Generator())
    assert torch.equal(torch.rand(3, generator=target), torch.rand(3, generator=source))


def test_random_numbers_go_on_where_they_were() -> None:
    """Those of torch, and what the base has."""
    saved = again(TORCH.random_state())
    assert {"python", "numpy", "torch", "cuda"} == saved.keys()
    before = torch.rand(4), torch.randperm(9)
    TORCH.set_random_state(copy.deepcopy(saved))
    assert torch.equal(torch.rand(4), before[0])
    assert torch.equal(torch.randperm(9), before[1])
