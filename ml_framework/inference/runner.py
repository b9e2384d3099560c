"""`InferenceRunner`: runs `Serving` with the models of a framework."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ml_framework.errors import PlanError
from ml_framework.inference.loader import needless
from ml_framework.inference.serving import Serving
from ml_framework.runner import PythonRunner
from ml_framework.runner.entrypoint import resolve
from ml_framework.runner.threads import THREADS_VARIABLE, check_threads, threads_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ml_framework.context import NodeContext
    from ml_framework.inference.padding import Padding
    from ml_framework.runner import Attempt

_FUNCTIONS = ("factory", "preprocess", "postprocess")
_COLUMNS = ("answers", "carried", "version", "announced", "error")


KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20)}
"""For glibc: what a batch has needed is kept for the next one.

Else each array of more than 128 KiB is asked of the system and given back, and its pages are cleared: a third
of the time of a small model with large batches.
"""


@dataclass(frozen=True)
class _Scoring:
    """The entrypoint: travels by value, and loads the framework where it arrives."""

    loader: str
    settings: Mapping[str, Any]
    options: Mapping[str, Any]

    def __call__(self, ctx: NodeContext) -> None:
        Serving(load=resolve(self.loader)(**self.options), **self.settings)(ctx)


@dataclass(frozen=True, kw_only=True)
class InferenceRunner(PythonRunner):
    """Scores a stream; each node by itself. A framework derives from it how models are loaded.

    Args:
        model: path, on every machine that scores, or URL of a model, or of a folder of versions.
        answers: columns of the output that the model answers, in order.
        carried: columns of the input that are columns of the output, too.
        inputs: columns or groups that are the model's arguments, where there is no `preprocess`; a row in
            which one of them is null is refused.
        error: column of the output for why a row was refused.
        version: column of the output for the version that has answered; None for none.
        announced: column of the input for the version that is to serve; None has the newest serve.
        factory: makes the model for a file that holds weights alone.
        preprocess: makes the model's arguments of a batch.
        postprocess: makes the answers of what the model returns.
        padding: makes tensors of the arrays among `inputs`.
        threads: that one process computes with; None shares the CPUs among the role's nodes on a host.

    Attributes:
        loader: ``module:name`` of a `ModelLoader`.
        whole: how the names of files end that hold a whole model, for which there is no `factory`.

    Raises:
        PlanError: it is not said what the model gets, an option would do nothing, or something cannot be sent
            to the nodes.
    """

    loader: ClassVar[str]
    whole: ClassVar[tuple[str, ...]] = ()

    entrypoint: str | Callable[[Any], object] = field(default="", init=False)
    model: str
    answers: tuple[str, ...]
    carried: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    error: str = "error"
    version: str | None = None
    announced: str | None = None
    factory: Callable[[], Any] | None = None
    preprocess: Callable[[Any], Any] | None = None
    postprocess: Callable[[Any], Any] | None = None
    padding: Padding | None = None
    threads: int | None = None

    def environment(self, attempt: Attempt) -> Mapping[str, str]:
        """The variables of the process; what the user gave in `env` wins."""
        threads = {THREADS_VARIABLE: str(threads_of(attempt, self.threads))}
        return {**threads, **KEPT_MEMORY, **super().environment(attempt)}

    def __post_init__(self) -> None:
        if bool(self.inputs) == (self.preprocess is not None):
            raise PlanError(
                "say what the model gets: by inputs=, columns or groups in the order of its arguments, or by "
                "preprocess=, a function of the batch"
            )
        if self.preprocess is not None and self.padding is not None:
            raise PlanError(
                "padding= makes tensors of the arrays among inputs=, and preprocess= stands in their place: "
                "fill the arrays up there, by their padded(), and leave padding= out"
            )
        if self.factory is not None and self.model.endswith(self.whole):
            raise PlanError(needless("factory=", self.model))
        check_threads(self.threads)
        settings = {name: getattr(self, name) for name in _COLUMNS}
        functions = {name: getattr(self, name) for name in _FUNCTIONS}
        scoring = _Scoring(
            self.loader,
            {"model": self.model, "required": self.inputs, **settings},
            {"inputs": self.inputs, "outputs": self.answers, "padding": self.padding, **functions},
        )
        object.__setattr__(self, "entrypoint", scoring)
        super().__post_init__()
        for name in _FUNCTIONS:  # they travel in the entrypoint
            object.__setattr__(self, name, None)
