"""What user code gets, in its own process.

An entrypoint is a function of one argument, the `NodeContext`. It reads `NodeContext.batches` in an
ordinary loop, calls `NodeContext.emit` when it has rows for Flink, and returns when it is done. A process
holds nothing else of ours: it talks to its agent over a `ControlSocket` and to Flink through two byte queues.
"""

from ml_framework.context.batch import Batch
from ml_framework.context.context import NodeContext

__all__ = ["Batch", "NodeContext"]
