"""`PythonRunner`: an entrypoint in plain Python, a function of one argument, the node's context."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ml_framework.config import check_variables
from ml_framework.context.launch import Launch
from ml_framework.errors import PlanError
from ml_framework.runner.base import Attempt, Command, Runner
from ml_framework.runner.entrypoint import check_entrypoint, importable_name, search_path
from ml_framework.runner.error_file import ERROR_FILE
from ml_framework.spec import ClusterSpec

if TYPE_CHECKING:
    from collections.abc import Callable

_CALLABLE_FILE = "callable.pickle"
_CONTEXT_FILE = "context.json"


@dataclass(frozen=True)
class PythonRunner(Runner):
    """Runs `entrypoint` with the node's context.

    Args:
        entrypoint: ``module:function``, or a callable of one argument. A callable that can be imported
            travels by name, any other (a lambda, a function of the main script) by value, as it is now.
        params: what user code finds as ``ctx.params``; JSON-able.
        context: ``module:class`` of the context that the entrypoint gets.
        env: environment variables for the process.
        python_path: where the process looks for modules first; what the planning process sees of its own main
            script and working directory by default.
        tensorboard: a folder in which each node writes what it logs, in a folder of its own, for TensorBoard;
            the interpreter of the node needs the extra ``tensorboard``.

    Raises:
        PlanError: the callable cannot be pickled.
    """

    entrypoint: str | Callable[[Any], object]
    params: Mapping[str, Any] = field(default_factory=dict)
    preload: ClassVar[tuple[str, ...]] = ("ml_framework.context.context",)

    _: KW_ONLY
    context: str = "ml_framework.context:NodeContext"
    env: Mapping[str, str] = field(default_factory=dict)
    python_path: tuple[str, ...] = field(default_factory=search_path)
    tensorboard: str | None = None
    pickled: bytes | None = field(default=None, init=False, repr=False)
    """The callable, where it travels by value; `entrypoint` is then no more than its name."""

    def __post_init__(self) -> None:
        if callable(self.entrypoint):
            name = importable_name(self.entrypoint)
            if name is None:
                object.__setattr__(self, "pickled", _pickled(self.entrypoint))
            object.__setattr__(self, "entrypoint", name or _display_name(self.entrypoint))

    def validate(self, role: str) -> None:
        """Check that the entrypoint can be found, without importing it, and that `params` are JSON-able."""
        if self.pickled is None:
            check_entrypoint(role, str(self.entrypoint), self.python_path)
        check_variables(f"role {role!r}: env", self.env)
        if not isinstance(self.params, Mapping):
            raise PlanError(
                f"role {role!r}: params is {self.params!r}, it must be a mapping of names to values"
            )
        for key, value in self.params.items():
            _check_param(role, key, value)

    def prepare(self, attempt: Attempt) -> Command:
        """Write `context.json` and, for a callable, its pickle; start the bootstrap on them."""
        if self.pickled is not None:
            (attempt.directory / _CALLABLE_FILE).write_bytes(self.pickled)
        context_file = attempt.directory / _CONTEXT_FILE
        self.launch(attempt).write(context_file)
        argv = (attempt.python, "-m", "ml_framework.runner.bootstrap", str(context_file))
        return Command(argv, self.environment(attempt), self.python_path)

    def launch(self, attempt: Attempt) -> Launch:
        """What the process is told; a subclass may `dataclasses.replace` parts of it."""
        role = attempt.cluster.addresses[attempt.node.role]
        return Launch(
            job_name=attempt.job_name,
            job_id=attempt.job_id,
            role=attempt.node.role,
            index=attempt.node.index,
            rank=attempt.node.index,
            world_size=attempt.parallelism,
            local_world_size=ClusterSpec({attempt.node.role: role}).nodes_on(attempt.host.advertised),
            attempt=attempt.number,
            params=self.params,
            bind_host=attempt.host.bound,
            log_dir=str(attempt.log_dir),
            error_file=str(attempt.directory / ERROR_FILE),
            context=self.context,
            descriptors=attempt.descriptors,
            entrypoint=None if self.pickled is not None else str(self.entrypoint),
            device="gpu" if attempt.gpus else "cpu",
            callable_file=None if self.pickled is None else str(attempt.directory / _CALLABLE_FILE),
            addresses={name: list(addresses) for name, addresses in attempt.cluster.addresses.items()},
            input_layout=attempt.program.input_layout,
            output_layout=attempt.program.output_layout,
            codec=attempt.program.codec,
            max_delay_s=attempt.program.max_delay_s,
            restored=attempt.restored,
            board=self._board(attempt),
        )

    def _board(self, attempt: Attempt) -> str | None:
        node = attempt.node
        return None if self.tensorboard is None else str(Path(self.tensorboard) / f"{node.role}-{node.index}")

    def environment(self, attempt: Attempt) -> Mapping[str, str]:  # noqa: ARG002 - for subclasses
        """Environment variables of the process; a subclass adds its framework's."""
        return self.env


def _pickled(function: Callable[[Any], object]) -> bytes:
    import cloudpickle  # noqa: PLC0415 - not in the user's process, which imports this package too

    try:
        return bytes(cloudpickle.dumps(function))
    except Exception as error:
        raise PlanError(
            f"entrypoint {_display_name(function)} cannot be sent to its nodes: {error}"
        ) from error


def _display_name(function: Callable[[Any], object]) -> str:
    name = getattr(function, "__qualname__", None) or repr(function)
    return f"{getattr(function, '__module__', '?')}:{name}"


def _check_param(role: str, key: object, value: object) -> None:
    if not isinstance(key, str):
        raise PlanError(f"role {role!r}: the key {key!r} of params is no string")
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        raise PlanError(
            f"role {role!r}: params[{key!r}] is not JSON-able ({error}); "
            "pass numbers, strings, lists and mappings"
        ) from error
