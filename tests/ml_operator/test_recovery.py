"""Planning for failures: where checkpoints go, who restarts what, and how often."""

from __future__ import annotations

import pytest
from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

from ml_framework.runner import PythonRunner
from ml_operator import MLJob, PlanError
from ml_operator.bridge import environment_options

HAPPY = PythonRunner("ml_framework.testing.programs:happy")
INTERVAL = {"execution.checkpointing.interval": "10 s"}
FOLDER = {"execution.checkpointing.dir": "file:///tmp/checkpoints"}
BACK_OFF = "restart-strategy.exponential-delay."


class Job:
    """A job with an application master, whose environment has `options`."""

    def __init__(self, options: dict[str, str] | None = None) -> None:
        self.env = StreamExecutionEnvironment.get_execution_environment(_configuration(options or {}))
        self.tables = StreamTableEnvironment.create(self.env)
        self.plan = MLJob(self.env, "job")
        self.plan.add_am_role()

    def set(self, options: dict[str, str]) -> None:
        """Set options of the environment later."""
        self.env.configure(_configuration(options))

    def add_role(self, name: str = "worker") -> bool:
        """A role with input; whether its processes may be restarted in place."""
        self.plan.add_role(name, runner=HAPPY, input=self.tables.from_elements([(1,)], ["x"]))
        return self.plan.plan().roles[-1].spec.restartable

    def restarts(self) -> dict[str, str]:
        """The options of the restart strategy."""
        options = environment_options(self.env).to_dict()
        return {name: value for name, value in options.items() if name.startswith("restart-strategy")}


def _configuration(options: dict[str, str]) -> Configuration:
    configuration = Configuration()
    for name, value in options.items():
        configuration.set_string(name, value)
    return configuration


@pytest.mark.parametrize(
    "storage",
    [
        {},
        {"execution.checkpointing.storage": "jobmanager"},
        {"execution.checkpointing.storage": "jobmanager", **FOLDER},
        {"state.checkpoint-storage": "JobManager"},
    ],
)
def test_state_is_not_sent_to_the_job_manager(storage: dict[str, str]) -> None:
    """A role with input in a job with checkpoints needs a place for them, and the remedy is told."""
    job = Job({**INTERVAL, **storage})
    with pytest.raises(PlanError) as refusal:
        job.add_role()
    assert str(refusal.value) == (
        "role 'worker': its state goes into Flink's checkpoints, and those go to the JobManager's memory, "
        "which takes no more than 5 MB: set execution.checkpointing.dir to a folder or object store that the "
        "JobManager and every TaskManager can write"
    )
    assert job.plan.plan().roles == ()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {**INTERVAL, **FOLDER},
        {**INTERVAL, "state.checkpoints.dir": "file:///tmp/checkpoints"},
        {**INTERVAL, "execution.checkpointing.storage": "org.example.OwnStorageFactory"},
    ],
)
def test_other_places_and_jobs_without_checkpoints_are_accepted(options: dict[str, str]) -> None:
    """Whatever is not the JobManager's memory can take the state of a role."""
    Job(options).add_role()


def test_a_cluster_that_is_there_may_have_a_place_for_checkpoints() -> None:
    """Only its tasks know of it, so it is not refused at planning that the job names none."""
    job = Job(INTERVAL)
    job.set({"execution.target": "remote"})
    job.add_role()


def test_a_role_without_input_has_no_state() -> None:
    """It goes with any storage, and is restarted in place."""
    job = Job(INTERVAL)
    job.plan.add_role("ps", runner=HAPPY, kind="serves")
    assert job.plan.plan().roles[0].spec.restartable


def test_checkpoints_that_are_switched_on_between_master_and_role_are_met() -> None:
    """The options count as they are when the role is added."""
    job = Job()
    job.env.enable_checkpointing(1000)
    with pytest.raises(PlanError, match=r"set execution\.checkpointing\.dir"):
        job.add_role()
    job.set(FOLDER)
    assert not job.add_role()


def test_the_options_of_the_table_environment_come_first() -> None:
    """As they do when the job is submitted: there checkpoints can be switched on, and get their folder."""
    job = Job()
    job.tables.get_config().set("execution.checkpointing.interval", "1 s")
    with pytest.raises(PlanError, match=r"set execution\.checkpointing\.dir"):
        job.add_role()
    job.tables.get_config().set("execution.checkpointing.dir", "file:///tmp/checkpoints")
    assert not job.add_role()
    assert job.restarts()["restart-strategy.type"] == "exponential-delay"


@pytest.mark.parametrize(("options", "in_place"), [({}, True), ({**INTERVAL, **FOLDER}, False)])
def test_what_has_state_in_checkpoints_is_restarted_by_flink_alone(
    options: dict[str, str], *, in_place: bool
) -> None:
    """A process that is restarted in place would begin without its state, behind rows that were read."""
    assert Job(options).add_role() is in_place


def test_without_checkpoints_the_first_failure_ends_the_job() -> None:
    job = Job()
    assert job.restarts() == {"restart-strategy.type": "none"}
    job.add_role()
    assert job.restarts() == {"restart-strategy.type": "none"}


def test_with_checkpoints_flink_restarts_ten_times_with_a_growing_wait() -> None:
    assert Job({**INTERVAL, **FOLDER}).restarts() == {
        "restart-strategy.type": "exponential-delay",
        f"{BACK_OFF}initial-backoff": "1 s",
        f"{BACK_OFF}backoff-multiplier": "2.0",
        f"{BACK_OFF}max-backoff": "30 s",
        f"{BACK_OFF}jitter-factor": "0.1",
        f"{BACK_OFF}attempts-before-reset-backoff": "10",
    }


def test_the_default_follows_checkpoints_that_are_switched_on_later() -> None:
    """What was set when the master was added is no word of the user's."""
    job = Job()
    job.set({**INTERVAL, **FOLDER, f"{BACK_OFF}max-backoff": "5 s"})
    job.add_role()
    restarts = job.restarts()
    assert restarts["restart-strategy.type"] == "exponential-delay"
    assert restarts[f"{BACK_OFF}max-backoff"] == "5 s"
    assert restarts[f"{BACK_OFF}attempts-before-reset-backoff"] == "10"


@pytest.mark.parametrize("key", ["restart-strategy.type", "restart-strategy"])
@pytest.mark.parametrize("strategy", ["fixed-delay", "none"])
def test_a_strategy_that_the_user_has_chosen_is_kept(key: str, strategy: str) -> None:
    job = Job({**INTERVAL, **FOLDER, key: strategy})
    job.add_role()
    assert job.restarts() == {key: strategy}


def test_a_strategy_that_the_user_chooses_later_is_kept() -> None:
    job = Job()
    job.set({"restart-strategy.type": "fixed-delay", **INTERVAL, **FOLDER})
    job.add_role()
    assert job.restarts() == {"restart-strategy.type": "fixed-delay"}
