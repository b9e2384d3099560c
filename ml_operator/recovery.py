"""What Flink does when a task fails: where checkpoints go, and how often it tries again.

Options are looked at when a role is added, as all of its planning; what is changed in the environment after
that is met by the same check when the role's tasks open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyflink.java_gateway import get_gateway

from ml_framework.errors import PlanError
from ml_operator.embedded import is_embedded

if TYPE_CHECKING:
    from pyflink.common import Configuration
    from pyflink.table import StreamTableEnvironment

_STRATEGY = "restart-strategy.type"
_NONE = {_STRATEGY: "none"}
_BACK_OFF = {
    _STRATEGY: "exponential-delay",
    "restart-strategy.exponential-delay.initial-backoff": "1 s",
    "restart-strategy.exponential-delay.backoff-multiplier": "2.0",
    "restart-strategy.exponential-delay.max-backoff": "30 s",
    "restart-strategy.exponential-delay.jitter-factor": "0.1",
    "restart-strategy.exponential-delay.attempts-before-reset-backoff": "10",
}
"""Ten restarts until the job has run for Flink's ``reset-backoff-threshold`` (an hour) without a failure."""


class JobOptions:
    """The options of a job as they are now: those of its table environment before those of `env`.

    Args:
        env: the environment's own options.
        tables: the job's table environment, if there is one.

    Attributes:
        env: the same.
    """

    def __init__(self, env: Configuration, tables: StreamTableEnvironment | None) -> None:
        self.env = env
        configuration = get_gateway().jvm.org.apache.flink.configuration
        self._checkpointing = configuration.CheckpointingOptions
        self._strategy = configuration.RestartStrategyOptions.RESTART_STRATEGY
        own = env._j_configuration
        self._levels = [own] if tables is None else [tables._j_tenv.getConfig().getConfiguration(), own]

    def checkpoints(self) -> bool:
        """Whether Flink takes checkpoints of the job by itself."""
        interval = self._get(self._checkpointing.CHECKPOINTING_INTERVAL)
        return interval is not None and interval.toMillis() > 0

    def storage(self) -> str | None:
        """The checkpoint storage: ``jobmanager``, ``filesystem`` or a class; None where it is not known.

        A cluster that is not embedded, made for this job, may have a storage for jobs that name none.
        """
        named = self._get(self._checkpointing.CHECKPOINT_STORAGE)
        if named is not None:
            return str(named).lower()
        if self._get(self._checkpointing.CHECKPOINTS_DIRECTORY) is not None:
            return "filesystem"
        return "jobmanager" if is_embedded(self.env) else None

    def restart_strategy(self) -> str | None:
        """The restart strategy, None where none is set."""
        strategy: str | None = self._get(self._strategy)
        return strategy

    def _get(self, j_option: Any) -> Any:
        """The value of an option, also under a name that it had before; None where it is not set."""
        found = (level.getOptional(j_option) for level in self._levels)
        return next((value.get() for value in found if value.isPresent()), None)


def check_checkpoint_storage(options: JobOptions) -> None:
    """Refuse that the state of a role would go to the JobManager's memory."""
    if options.storage() == "jobmanager":
        raise PlanError(
            "its state goes into Flink's checkpoints, and those go to the JobManager's memory, which takes "
            "no more than 5 MB: set execution.checkpointing.dir to a folder or object store that the "
            "JobManager and every TaskManager can write"
        )


class DefaultRestarts:
    """The restart strategy of a job whose user has chosen none.

    Without checkpoints an error ends the job, so that it is seen. With them the job goes on from the last one
    up to ten times, after waits of 1 s, doubled up to 30 s; Flink itself would never give up.
    """

    def __init__(self) -> None:
        self._set: str | None = None

    def apply(self, options: JobOptions) -> None:
        """Complete the environment's options, also when checkpoints were switched on or off since."""
        if options.restart_strategy() != self._set:
            return  # somebody else's word
        defaults = _BACK_OFF if options.checkpoints() else _NONE
        self._set = defaults[_STRATEGY]
        options.env.set_string(_STRATEGY, self._set)
        for name, value in defaults.items():
            if not options.env.contains_key(name):
                options.env.set_string(name, value)
