"""The stories that recorded journals tell: each is what clients ask for, and the time in between.

1. A story uses only what a client can ask for, so that it can be told of any version; where nobody
   hands tasks out, it does that itself.
2. A story is not changed once its journal is recorded; another one is added.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from actors.job.commands import (
    CreateJob,
    DeleteJob,
    PauseWorkflow,
    ReplaceJob,
    RestartJob,
    ResumeWorkflow,
    StartJob,
    StopJob,
)
from actors.pod.commands import RestartPod, StopPod
from actors.task.commands import (
    AssignTask,
    CancelTask,
    FailTask,
    NewTask,
    ReleaseTask,
    StartTask,
    SubmitTasks,
    SucceedTask,
    TaskGroup,
)
from actors.worker.commands import (
    CallWorker,
    DrainWorker,
    FreeWorker,
    LoseWorker,
    ReadyWorker,
    RegisterWorker,
    TakeTask,
)
from events.attachment import Attachment
from events.capacity import Resources
from events.job import JobSpec, WorkflowOptions
from events.pod import ContainerSpec, PodSpec, PortSpec
from events.task import FailureKind
from events.worker import WorkerSpec
from tests.histories.stepped import Stepped

Story = Callable[[Stepped], None]


def service(plane: Stepped) -> None:
    """Three pods run, are stopped, started again, one of them restarted."""
    job = "job/" + (id := plane.new_id())  # noqa: A001 - the name of the thing
    plane.ask(job, CreateJob(job=id, spec=spec("service", 3)), wait_s=5)
    plane.ask(job, StopJob(expected_version="1-1-1"), wait_s=5)
    plane.ask(job, StartJob(expected_version="1-2-1"), wait_s=5)
    plane.ask(f"pod/{id}-1", RestartPod(), wait_s=5)
    plane.ask(f"pod/{id}-2", StopPod(), wait_s=5)


def failing(plane: Stepped) -> None:
    """A pod fails again and again beside one that ends well, and one that cannot be placed."""
    failing = plane.new_id()
    labels = (("simulate.exit_code", "3"), ("simulate.run_s", "2"))
    plane.ask(f"job/{failing}", CreateJob(job=failing, spec=spec("failing", 1, labels)), wait_s=100)
    large = plane.new_id()
    plane.ask(f"job/{large}", CreateJob(job=large, spec=spec("large", 1, cpu=100)), wait_s=5)
    plane.ask(f"job/{failing}", StopJob(expected_version="1-1-1"), wait_s=5)


def deletion(plane: Stepped) -> None:
    """One job is stopped and deleted, another is deleted while it runs, a third one started late."""
    ids = [plane.new_id() for _ in range(3)]
    for id in ids[:2]:  # noqa: A001 - as above
        plane.ask(f"job/{id}", CreateJob(job=id, spec=spec("short", 2)), wait_s=3)
    plane.ask(f"job/{ids[0]}", StopJob(expected_version="1-1-1"), wait_s=3)
    plane.ask(f"job/{ids[0]}", DeleteJob(expected_version="1-2-1"), wait_s=3)
    plane.ask(f"job/{ids[1]}", DeleteJob(expected_version="1-1-1", force=True), wait_s=3)
    options = WorkflowOptions(batch_size=1)
    late = (("simulate.start_s", "2"),)
    plane.ask(f"job/{ids[2]}", CreateJob(job=ids[2], spec=spec("late", 3, late), options=options), wait_s=10)


def keyed(plane: Stepped) -> None:
    """Keyed commands, repeated, used for something else, and one that does nothing."""
    job = "job/" + (id := plane.new_id())  # noqa: A001 - as above
    create = CreateJob(job=id, spec=spec("keyed", 1))
    for _ in range(2):
        plane.ask(job, create, key="create", wait_s=3)
    plane.ask(job, StopJob(expected_version="1-1-1"), key="create", wait_s=3)
    plane.ask(f"pod/{id}-0", StopPod(), key="stop", wait_s=3)
    plane.ask(f"pod/{id}-0", StopPod(), key="stop again", wait_s=3)


def rollout(plane: Stepped) -> None:
    """A job is updated pod by pod, paused on the way, restarted, and rolled back from a bad update."""
    job = "job/" + (id := plane.new_id())  # noqa: A001 - as above
    one = WorkflowOptions(batch_size=1)
    slow = (("simulate.start_s", "2"),)
    version = plane.ask(job, CreateJob(job=id, spec=spec("rollout", 2, slow)), wait_s=5)
    version = plane.ask(
        job, ReplaceJob(expected_version=version, spec=spec("rollout", 3, slow, cpu=1), options=one), wait_s=3
    )
    version = plane.ask(job, PauseWorkflow(expected_version=version), wait_s=5)
    version = plane.ask(job, ResumeWorkflow(expected_version=version), wait_s=20)
    version = plane.ask(job, RestartJob(expected_version=version, options=one), wait_s=20)
    bad = (("simulate.start_s", "never"),)
    careful = WorkflowOptions(
        batch_size=1, max_instance_retries=1, max_tolerable_failures=1, roll_back_on_failure=True
    )
    plane.ask(
        job, ReplaceJob(expected_version=version, spec=spec("rollout", 3, bad), options=careful), wait_s=200
    )


def tasks(plane: Stepped) -> None:
    """Of four tasks two run, one is cancelled, one takes its worker along, which is drained in the end."""
    worker, pod = "worker/w", PodSpec(containers=(ContainerSpec(name="main", command=("true",)),))
    ids = [plane.new_id() for _ in range(4)]
    first, second, third, fourth = (f"task/{id}" for id in ids)  # noqa: A001 - as above
    group = TaskGroup(
        worker=worker,
        limit_us=60_000_000,
        keep_us=5_000_000,
        estimate_us=1_000_000,
        program=Attachment("test.program", 1, b"run"),
        tasks=tuple(NewTask(id=id, arguments=Attachment("test.arguments", 1, b"x")) for id in ids),  # noqa: A001
    )
    plane.ask(worker, RegisterWorker(name="w", spec=WorkerSpec(kind="test", pod=pod)))
    plane.ask(first, SubmitTasks(groups=(group,)), key="k1", wait_s=1)
    plane.ask(worker, CallWorker(name="w"), wait_s=2)
    plane.ask(worker, CallWorker(name="w"), wait_s=2)
    plane.ask(worker, ReadyWorker())
    plane.ask(worker, TakeTask(task=first))
    plane.ask(first, StartTask(worker=worker), wait_s=1)
    plane.ask(first, ReleaseTask(worker=worker))
    plane.ask(worker, FreeWorker(task=first))
    plane.ask(first, SucceedTask(worker=worker, result=b"42"))
    plane.ask(second, CancelTask())
    plane.ask(third, AssignTask(worker=worker))
    plane.ask(worker, TakeTask(task=third))
    plane.ask(third, StartTask(worker=worker), wait_s=1)
    plane.ask(third, FailTask(worker=worker, kind=FailureKind.TIMEOUT, message="too long"))
    plane.ask(worker, LoseWorker(reason="too long", task=third, restart=True), wait_s=2)
    plane.ask(worker, ReadyWorker())
    plane.ask(worker, TakeTask(task=fourth))
    plane.ask(worker, DrainWorker())
    plane.ask(fourth, StartTask(worker=worker), wait_s=1)
    plane.ask(fourth, SucceedTask(worker=worker, result=b"43", held_us=7))
    plane.ask(worker, FreeWorker(task=fourth), wait_s=10)
    plane.ask(worker, RegisterWorker(name="w", spec=WorkerSpec(kind="test")))


STORIES: Mapping[str, Story] = MappingProxyType(
    {
        "service": service,
        "failing": failing,
        "deletion": deletion,
        "keyed": keyed,
        "rollout": rollout,
        "service-2": service,  # the first workflow is told with the job
        "rollout-2": rollout,
        "tasks": tasks,
    }
)
"""By the name of their files."""


def spec(name: str, instances: int, labels: tuple[tuple[str, str], ...] = (), *, cpu: float = 0.5) -> JobSpec:
    """Return what a job is made of, with something of everything."""
    container = ContainerSpec(
        name="main",
        command=("run", "--forever"),
        environment=(("MODE", "test"),),
        resources=Resources(cpu=cpu, memory_mb=64),
        ports=(PortSpec(name="http", variable="PORT"),),
    )
    pod = PodSpec(
        containers=(container,),
        init_containers=(ContainerSpec(name="init", command=("prepare",)),),
        labels=labels,
    )
    return JobSpec(
        name=name,
        instance_count=instances,
        default=pod,
        owner="ada",
        labels=(("team", "a"),),
        attachments=(Attachment("tests.spec", 1, name.encode()),),
    )
