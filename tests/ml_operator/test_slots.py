"""Slots: what a job needs is counted by group, and compared with what its cluster has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pyflink.common import Types
from pyflink.datastream import SlotSharingGroup, StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment
from support.fake_flink import FakeFlink
from support.ports import free_ports

from ml_framework.runner import PythonRunner
from ml_operator import MLJob, PlanError, Resources
from ml_operator.bridge import environment_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HAPPY = PythonRunner("ml_framework.testing.programs:happy")
SLOTS = "taskmanager.numberOfTaskSlots"


def planned(options: Mapping[str, str] | None = None) -> tuple[MLJob, StreamExecutionEnvironment]:
    env = StreamExecutionEnvironment.get_execution_environment()
    env.set_parallelism(2)
    for name, value in (options or {}).items():
        environment_options(env).set_string(name, value)  # as `flink run` has them
    job = MLJob(env, "test-job", table_env=StreamTableEnvironment.create(env))
    job.add_am_role()
    return job, env


def numbers(env: StreamExecutionEnvironment, parallelism: int) -> Any:
    rows = env.from_collection([1], Types.LONG())
    return rows.map(lambda x: x, Types.LONG()).set_parallelism(parallelism)


def small(group: str) -> SlotSharingGroup:
    """A slot sharing group of the user's with numbers."""
    return SlotSharingGroup.builder(group).set_cpu_cores(1.0).set_task_heap_memory_mb(100).build()


def grouped(env: StreamExecutionEnvironment, parallelism: int) -> Any:
    """A stream of the user's in a slot sharing group of its own."""
    return numbers(env, parallelism).slot_sharing_group("own")


class Session(FakeFlink):
    """The REST API of a session cluster."""

    def has(
        self,
        slots: int,
        workers: int = 1,
        settings: Mapping[str, str] | None = None,
        **resources: float | dict[str, float],
    ) -> None:
        """It has `slots` in all, on `workers` TaskManagers with these resources; and these settings."""
        total = {"cpuCores": 4.0, "taskHeapMemory": 400, "taskOffHeapMemory": 0, "managedMemory": 300}
        manager = {
            "slotsNumber": slots // max(workers, 1),
            "totalResource": {**total, "extendedResources": {}, **resources},
        }
        configured = [{"key": name, "value": value} for name, value in (settings or {}).items()]
        self.answers = {
            "GET /overview": {"slots-total": slots, "slots-available": 0, "taskmanagers": workers},
            "GET /taskmanagers": {"taskmanagers": [manager] * workers},
            "GET /jobmanager/config": configured,
        }

    def options(self) -> dict[str, str]:
        """Of a job that is to run there."""
        host, _, port = self.address.partition(":")
        return {"execution.target": "remote", "rest.address": host, "rest.port": port}


@pytest.fixture
def rest(monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setattr("ml_operator.slots._ARRIVE_WITHIN_S", 0.3)
    with Session().serving() as session:
        yield session


def test_an_embedded_cluster_whose_slots_are_fixed_must_have_enough() -> None:
    job, _ = planned({SLOTS: "2"})
    with pytest.raises(
        PlanError,
        match=r"role 'worker': the job needs 3 slots \(by slot sharing group: default 3\) and the embedded "
        r"cluster has 2 in all: raise taskmanager.numberOfTaskSlots, start more TaskManagers, or plan fewer",
    ):
        job.add_role("worker", runner=HAPPY, parallelism=3)
    assert job.plan().roles == ()


def test_several_embedded_task_managers_count_together() -> None:
    job, _ = planned({SLOTS: "2", "minicluster.number-of-taskmanagers": "2"})
    job.add_role("worker", runner=HAPPY, parallelism=4)
    with pytest.raises(PlanError, match=r"needs 5 slots .* has 4 in all"):
        job.add_role("ps", runner=HAPPY, parallelism=5)


def test_one_group_takes_what_flink_makes() -> None:
    job, env = planned()
    job.add_role("worker", runner=HAPPY, parallelism=3)
    job.add_role("ps", runner=HAPPY, parallelism=5)
    assert not environment_options(env).contains_key(SLOTS)


def test_an_embedded_cluster_is_made_large_enough_for_several_groups() -> None:
    job, env = planned()
    job.add_role("worker", runner=HAPPY, parallelism=2, input=grouped(env, 3))
    assert environment_options(env).get_string(SLOTS, "") == "5"  # two of the default group, three of "own"
    other = MLJob(env, "other")
    other.add_am_role()
    other.add_role("worker", runner=HAPPY, parallelism=4)
    assert environment_options(env).get_string(SLOTS, "") == "7"


def test_groups_of_the_user_count_where_slots_are_fixed() -> None:
    job, env = planned({SLOTS: "4"})
    with pytest.raises(PlanError, match=r"needs 5 slots \(by slot sharing group: default 2, own 3\)"):
        job.add_role("worker", runner=HAPPY, parallelism=2, input=grouped(env, 3))


def test_a_session_cluster_with_enough_slots_is_asked_once(rest: Session) -> None:
    rest.has(slots=3)
    job, _ = planned(rest.options())
    job.add_role("worker", runner=HAPPY, parallelism=3)
    assert rest.requests == ["GET /overview"]


def test_a_session_cluster_with_too_few_slots_is_told_with_the_numbers(rest: Session) -> None:
    rest.has(slots=2)
    job, _ = planned(rest.options())
    address = "127.0.0.1:" + rest.options()["rest.port"]
    with pytest.raises(
        PlanError,
        match=rf"role 'worker': the job needs 3 slots \(by slot sharing group: default 3\) and the cluster "
        rf"at {address}, 1 × TaskManager, has 2 in all: raise taskmanager.numberOfTaskSlots",
    ):
        job.add_role("worker", runner=HAPPY, parallelism=3)


def test_task_managers_that_arrive_meanwhile_count(rest: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    rest.has(slots=2)
    monkeypatch.setattr("ml_operator.slots._ARRIVE_WITHIN_S", 30.0)
    monkeypatch.setattr("ml_operator.slots.time.sleep", lambda _: rest.has(slots=4, workers=2))
    job, _ = planned(rest.options())
    job.add_role("worker", runner=HAPPY, parallelism=3)
    assert rest.requests == ["GET /overview", "GET /overview"]


@pytest.mark.parametrize("key", ["kubernetes.cluster-id", "yarn.application.queue"])
def test_a_cluster_that_starts_task_managers_is_not_refused(rest: Session, key: str) -> None:
    rest.has(slots=2, settings={key: "x"})
    job, _ = planned(rest.options())
    job.add_role("worker", runner=HAPPY, parallelism=3)


def test_before_the_first_task_manager_nothing_is_refused(rest: Session) -> None:
    rest.has(slots=0, workers=0)
    job, _ = planned(rest.options())
    job.add_role("worker", runner=HAPPY, parallelism=3)


@pytest.mark.parametrize(
    "target", ["embedded", "kubernetes-session", "kubernetes-application", "yarn-session", "yarn-application"]
)
def test_only_a_cluster_whose_slots_are_fixed_is_asked(rest: Session, target: str) -> None:
    rest.has(slots=2)
    job, _ = planned({**rest.options(), "execution.target": target})
    job.add_role("worker", runner=HAPPY, parallelism=3)
    assert rest.requests == []


def test_without_an_answer_nothing_is_refused(rest: Session) -> None:
    job, _ = planned({**rest.options(), "rest.port": str(free_ports(1)[0])})
    job.add_role("worker", runner=HAPPY, parallelism=3)
    job, _ = planned(rest.options())  # where the path is not known
    job.add_role("worker", runner=HAPPY, parallelism=3)
    assert rest.requests == ["GET /overview"]


def test_the_adaptive_scheduler_needs_slots_for_the_nodes_alone(rest: Session) -> None:
    rest.has(slots=2, settings={"jobmanager.scheduler": "Adaptive"})
    job, env = planned(rest.options())
    job.add_role("worker", runner=HAPPY, parallelism=2, input=numbers(env, 4))
    with pytest.raises(PlanError, match=r"needs 3 slots \(by slot sharing group: default 3\)"):
        job.add_role("other", runner=HAPPY, parallelism=3)


def test_a_role_with_resources_has_a_group_of_its_own_and_leaves_it_behind_itself() -> None:
    job, env = planned()
    rows = job.add_role(
        "worker",
        runner=HAPPY,
        parallelism=3,
        input=numbers(env, 2),
        output=Types.LONG(),
        resources=Resources(),
    )
    rows.print()
    slots = job._planner._translation.need(job.plan())
    assert slots.fixed == {"default": 3, "test-job/worker": 3}  # rows come back on three subtasks
    assert slots.planned == slots.fixed
    assert slots.sizes == {}
    assert environment_options(env).get_string(SLOTS, "") == "6"
    assert "each a slot of its own" in job.render()


def test_slots_of_a_size_are_counted_by_what_is_in_them(rest: Session) -> None:
    rest.has(slots=2, workers=2, taskOffHeapMemory=2048)
    job, env = planned(rest.options())
    env.register_slot_sharing_group(small("default"))
    job.add_role("worker", runner=HAPPY, parallelism=4, resources=Resources(memory="1 GiB"))
    assert "each memory 1 GiB of its own" in job.render()
    job, _ = planned(rest.options())
    with pytest.raises(
        PlanError,
        match=r"role 'worker': slot sharing group 'test-job/worker' needs 5 × \(cpuCores 1, "
        r"taskHeapMemory 16, taskOffHeapMemory 1024\), and the 2 × TaskManager have taskOffHeapMemory for "
        r"4: raise taskmanager.memory.task.off-heap.size, start more TaskManagers, or ask for less",
    ):
        job.add_role("worker", runner=HAPPY, parallelism=5, resources=Resources(memory="1 GiB"))


def test_a_slot_without_numbers_takes_its_share_of_the_gpus(rest: Session) -> None:
    rest.has(slots=2, extendedResources={"gpu": 2.0})
    job, _ = planned(rest.options())
    with pytest.raises(
        PlanError,
        match=r"the job needs 3 of gpu \(by slot sharing group: default 1, test-job/worker 2\), and the 1 × "
        r"TaskManager have 2 in all: raise external-resource.gpu.amount.*register_slot_sharing_group",
    ):
        job.add_role("worker", runner=HAPPY, parallelism=2, resources=Resources(gpu=1))
    job, env = planned(rest.options())
    env.register_slot_sharing_group(small("default"))
    job.add_role("worker", runner=HAPPY, parallelism=2, resources=Resources(gpu=1))


def test_sizes_are_not_for_the_adaptive_scheduler(rest: Session) -> None:
    rest.has(slots=1, settings={"jobmanager.scheduler": "adaptive"})
    job, _ = planned(rest.options())
    with pytest.raises(
        PlanError, match=r"role 'worker': slots have a size \(test-job/worker\), and the adap"
    ):
        job.add_role("worker", runner=HAPPY, parallelism=8, resources=Resources(cpu=1))
    job, _ = planned({"jobmanager.scheduler": "Adaptive"})
    with pytest.raises(PlanError, match=r"or set jobmanager.scheduler to default"):
        job.add_role("worker", runner=HAPPY, resources=Resources(cpu=1))
    job.add_role("worker", runner=HAPPY, resources=Resources())


def test_an_embedded_cluster_has_no_gpus() -> None:
    job, _ = planned()
    with pytest.raises(
        PlanError, match=r"role 'worker': Resources.gpu is for a cluster: Flink's embedded one"
    ):
        job.add_role("worker", runner=HAPPY, resources=Resources(gpu=1))
    job.add_role("worker", runner=HAPPY, resources=Resources(cpu=2, memory="1 GiB"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"cpu": 0}, r"Resources.cpu is 0, it must be positive"),
        ({"memory": "2 parsecs"}, r"Resources.memory is '2 parsecs': give bytes, or a number with a unit"),
        ({"memory": -1}, r"Resources.memory is -1, it must be positive"),
        ({"gpu": 0.5}, r"Resources.gpu is 0.5, it must be a whole number, 0 or more"),
    ],
)
def test_resources_that_cannot_be_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        Resources(**wrong)


@pytest.mark.parametrize(
    ("memory", "size"), [("2 GiB", 2 << 30), ("512m", 512 << 20), ("1.5 kb", 1536), ("7", 7), (9, 9)]
)
def test_memory_is_given_in_bytes_or_with_a_unit(memory: int | str, size: int) -> None:
    assert Resources(memory=memory).memory_bytes == size
