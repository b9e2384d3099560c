"""Every error that ml-on-flink raises, in one tree.

::

    MLOnFlinkError
    ├── PlanError                 the job as described cannot run; says which role and what to change
    ├── JobFailed                 a job ended in failure; carries the first cause
    ├── StateMachineError         an event met a state that has no cell for it
    ├── ProtocolError             a peer sent something that the protocol does not allow
    ├── MasterUnreachable         the application master did not answer in time
    ├── LogUnavailable            what a node's process has printed cannot be read
    ├── CodecError                a value does not fit its column
    ├── EmitError                 what was passed to ``ctx.emit`` does not fit the role's output
    ├── CheckpointError           a state cannot be saved, or what was saved does not fit
    ├── CommandFailed             a command of ``mlflink`` cannot do what it was asked
    ├── ModelError                a model cannot be loaded, or does not answer what was planned
    └── QueueError
        ├── QueueFull             no room before the deadline; nothing was written
        ├── QueueClosed           this end was closed, or the consumer closed its end
        ├── EndOfStream           the producer closed the queue and every frame was read
        └── PeerLost              the other end's process went away without closing

`Stopped` stands apart: it is no error, and nothing that catches errors is to catch it.
"""

from __future__ import annotations


class MLOnFlinkError(Exception):
    """Base of every error raised by ml-on-flink."""


class PlanError(MLOnFlinkError, ValueError):
    """The job as described cannot run; the message names the role and the remedy."""


class JobFailed(MLOnFlinkError):
    """A job ended in failure.

    Attributes:
        cause: the first cause, beginning with ``role[index] attempt n: …`` where a node caused it.
    """

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class StateMachineError(MLOnFlinkError):
    """An event arrived in a state whose table row has no cell for it."""


class ProtocolError(MLOnFlinkError):
    """A peer sent something that the protocol does not allow."""


class MasterUnreachable(MLOnFlinkError):
    """The application master did not answer in time; the message names host and port."""


class LogUnavailable(MLOnFlinkError):
    """What a node's process has printed cannot be read; the message names the node and the reason."""


class CodecError(MLOnFlinkError, ValueError):
    """A value does not fit its column; the message names the column and the value."""


class EmitError(MLOnFlinkError, ValueError):
    """What was passed to ``ctx.emit`` does not fit the role's output columns."""


class CheckpointError(MLOnFlinkError):
    """A state cannot be saved, or what was saved does not fit; the message names the part and the remedy."""


class ModelError(MLOnFlinkError):
    """A model cannot be loaded, or its answers are not what was planned; the message names the remedy."""


class CommandFailed(MLOnFlinkError):
    """A command of ``mlflink`` cannot do what it was asked; the message is a sentence with the remedy."""


class QueueError(MLOnFlinkError):
    """Base of the four ways in which a byte queue says no."""


class QueueFull(QueueError):
    """There was no room before the deadline; nothing was written."""


class QueueClosed(QueueError):
    """This end was closed, or the consumer closed its end."""


class EndOfStream(QueueError):
    """The producer closed the queue and every frame was read."""


class PeerLost(QueueError):
    """The process at the other end went away without closing the queue."""


class Stopped(BaseException):
    """Raised in the main thread of a user's process that is asked to end: for ``finally``, not ``except``.

    Code that goes on behind an ``except`` that caught it gets it again, half a second or some seconds later.
    """
