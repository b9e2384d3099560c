"""What user code gets, in its own process.

An entrypoint is a function of one argument, the `NodeContext`. It reads `NodeContext.batches` in an
ordinary loop, calls `NodeContext.emit` when it has rows for Flink, and returns when it is done. A process
holds nothing else of ours: it talks to its agent over a `ControlSocket` and to Flink through two byte queues.

The agent shares some modules of this package; for its quick start, the names below are imported when they
are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml_framework.context.batch import Batch
    from ml_framework.context.context import NodeContext

__all__ = ["Batch", "NodeContext"]

_MODULES = {"Batch": "batch", "NodeContext": "context"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
