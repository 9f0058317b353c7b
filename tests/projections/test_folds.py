"""Folds, as data: given these events of one stream, these fields of the view."""

from dataclasses import dataclass

import pytest

from events import host, job, pod
from events.capacity import Resources
from events.frozen import replace
from events.goal import Goal
from events.job import JobPhase, WorkflowKind, WorkflowPhase
from events.pod import EndReason, PodPhase
from events.receipt import CommandReceived
from events.record import Envelope, Recorded
from projections.hosts import HostView
from projections.jobs import KEPT_WORKFLOWS, JobView, PodReport
from projections.pods import ContainerPhase, ContainerView, PodView
from projections.stamp import OutOfPlace
from projections.view import View, fold

S = 1_000_000
SPEC = pod.PodSpec(
    containers=(
        pod.ContainerSpec(name="main", command=("a",)),
        pod.ContainerSpec(name="side", command=("b",)),
    ),
    init_containers=(pod.ContainerSpec(name="init", command=("c",)),),
)
OTHER = pod.PodSpec(containers=SPEC.containers, labels=(("v", "2"),))
RENAMED = replace(
    SPEC,
    containers=tuple(replace(each, name=f"{each.name}-2") for each in SPEC.containers),
    labels=(("v", "2"),),
)
CREATED = pod.PodCreated(owner="job/1", instance=2, config=1, spec=SPEC, name="web")
PORT = pod.Port(container="main", name="http", number=31000)
LAUNCHED = (
    CREATED,
    pod.PodPlaced(run=1, host="h1", ports=(PORT,)),
    pod.PodLaunching(run=1),
    pod.PodLaunched(run=1),
)
RUNNING = (
    *LAUNCHED,
    pod.PodContainerStarted(run=1, container="main", process=7, at=50 * S),
    pod.PodContainerStarted(run=1, container="side", process=8, at=51 * S),
    pod.PodRunning(run=1),
)
THROTTLED = pod.PodEnded(
    run=1,
    phase=PodPhase.FAILED,
    reason=EndReason.FAILED,
    message="main: exit code 1",
    failure_count=2,
    restart_at=60 * S,
)


def view_of(stream: str, *events: object) -> View:
    """Fold events, each an append of its own; the n-th has revision 10 n and happens at n seconds."""
    view: View | None = None
    for number, event in enumerate(events, start=1):
        envelope = Envelope(at=number * S, principal="ada")
        view = fold(view, Recorded(10 * number, stream, number, event, envelope, is_last=True))
    assert view is not None
    return view


@dataclass(frozen=True, slots=True)
class Case:
    rule: str
    events: tuple[object, ...]
    then: dict[str, object]


PODS = (
    Case(
        "a new pod is initialized",
        (CREATED,),
        {
            "id": "1-2",
            "phase": PodPhase.INITIALIZED,
            "instance": 2,
            "name": "web",
            "first_run": 1,
            "desired_run": 1,
            "created_at": S,
            "run_at": S,
            "containers": (),
            "change": 1,
            "revision": 10,
            "changed_by": "ada",
        },
    ),
    Case(
        "a pod created without the goal to run is killed already",
        (pod.PodCreated(owner="", instance=0, config=1, spec=SPEC, goal=Goal.KILLED, run=4),),
        {"phase": PodPhase.KILLED, "run": 4, "first_run": 4},
    ),
    Case(
        "a pod that waits for a host says why",
        (CREATED, pod.PodQueued(run=1, reason="no host has 4 cpu")),
        {"phase": PodPhase.PENDING, "message": "no host has 4 cpu", "change": 2},
    ),
    Case(
        "placing clears the reason",
        (CREATED, pod.PodQueued(run=1, reason="full"), pod.PodPlaced(run=1, host="h1", ports=(PORT,))),
        {"phase": PodPhase.PLACED, "message": "", "host": "h1", "ports": (PORT,)},
    ),
    Case("launched", LAUNCHED, {"phase": PodPhase.LAUNCHED, "containers": ()}),
    Case(
        "the first start makes it starting",
        RUNNING[:5],
        {
            "phase": PodPhase.STARTING,
            "containers": (
                ContainerView(name="main", phase=ContainerPhase.RUNNING, process=7, started_at=50 * S),
                ContainerView(name="side"),
            ),
            "init_containers": (),
        },
    ),
    Case(
        "starting although no start was told",
        (*LAUNCHED, pod.PodStarting(run=1)),
        {"phase": PodPhase.STARTING},
    ),
    Case("running", RUNNING, {"phase": PodPhase.RUNNING, "started_at": 7 * S}),
    Case(
        "a stop of processes is killing, and what then ends was killed",
        (
            *RUNNING,
            pod.PodStopRequested(run=1, reason=EndReason.ON_REQUEST),
            pod.PodContainerExited(run=1, container="main", exit_code=0, signal="SIGTERM", at=55 * S),
        ),
        {
            "phase": PodPhase.KILLING,
            "end_reason": EndReason.ON_REQUEST,
            "containers": (
                ContainerView(
                    name="main",
                    phase=ContainerPhase.KILLED,
                    process=7,
                    started_at=50 * S,
                    ended_at=55 * S,
                    signal="SIGTERM",
                ),
                ContainerView(name="side", phase=ContainerPhase.RUNNING, process=8, started_at=51 * S),
            ),
        },
    ),
    Case(
        "a stop before processes leaves the phase",
        (*LAUNCHED, pod.PodStopRequested(run=1, reason=EndReason.FOR_UPDATE)),
        {"phase": PodPhase.LAUNCHED, "end_reason": EndReason.FOR_UPDATE},
    ),
    Case(
        "a failed run that is held back says so, and until when",
        (*RUNNING, THROTTLED),
        {
            "phase": PodPhase.FAILED,
            "message": "Throttled: restarts at 1970-01-01T00:01:00Z after 2 failures. main: exit code 1",
            "failure_count": 2,
            "restart_at": 60 * S,
            "ended_at": 8 * S,
        },
    ),
    Case(
        "a pod that is not to run any more is not held back any more",
        (*RUNNING, THROTTLED, pod.PodGoalChanged(goal=Goal.KILLED, desired_run=1)),
        {"message": "main: exit code 1", "restart_at": 0, "goal": Goal.KILLED},
    ),
    Case(
        "a new run knows nothing of the one before",
        (*RUNNING, THROTTLED, pod.PodRunStarted(run=2, config=2, spec=OTHER, failure_count=2)),
        {
            "phase": PodPhase.INITIALIZED,
            "run": 2,
            "desired_run": 2,
            "first_run": 1,
            "config": 2,
            "spec": OTHER,
            "host": "",
            "ports": (),
            "containers": (),
            "message": "",
            "end_reason": None,
            "started_at": 0,
            "ended_at": 0,
            "restart_at": 0,
            "run_at": 9 * S,
            "created_at": S,
            "failure_count": 2,
        },
    ),
    Case(
        "a configuration applied at once",
        (CREATED, pod.PodReconfigured(config=3, spec=OTHER, is_applied=True)),
        {"config": 3, "desired_config": 3, "spec": OTHER},
    ),
    Case(
        "a configuration applied at once, with other names of containers",
        (CREATED, pod.PodReconfigured(config=3, spec=RENAMED, is_applied=True)),
        {"config": 3, "spec": replace(RENAMED, containers=SPEC.containers)},
    ),
    Case(
        "a forgotten run",
        (CREATED, pod.PodRunForgotten(run=1)),
        {"run": 1, "change": 2},
    ),
    Case(
        "a configuration for the next run",
        (CREATED, pod.PodReconfigured(config=3, spec=OTHER, is_applied=False)),
        {"config": 1, "desired_config": 3, "spec": SPEC},
    ),
    Case(
        "a deleted pod has a last view",
        (*RUNNING, pod.PodDeleted(run=1)),
        {"phase": PodPhase.DELETED, "goal": Goal.DELETED, "run_phase": PodPhase.RUNNING},
    ),
    Case(
        "a pod created again is a new pod",
        (
            *RUNNING,
            pod.PodDeleted(run=1),
            pod.PodCreated(owner="job/1", instance=2, config=2, spec=OTHER, run=2),
        ),
        {"run": 2, "first_run": 2, "phase": PodPhase.INITIALIZED, "created_at": 9 * S, "change": 1},
    ),
    Case(
        "what another entity's command left behind is not seen",
        (CREATED, CommandReceived()),
        {"change": 1, "revision": 10},
    ),
)


@pytest.mark.parametrize("case", PODS, ids=lambda case: case.rule)
def test_pods(case: Case) -> None:
    view = view_of("pod/1-2", *case.events)
    assert {name: getattr(view, name) for name in case.then} == case.then


JOB = job.JobCreated(spec=job.JobSpec(name="web", instance_count=3, default=SPEC))


def started(config: int = 1, *, kind: WorkflowKind = WorkflowKind.UPDATE, paused: bool = False) -> object:
    return job.WorkflowStarted(
        kind=kind,
        config=config,
        previous_config=config - 1,
        options=job.WorkflowOptions(start_paused=paused),
        added=((0, 1),),
        updated=((5, 5),),
    )


def report(instance: int, phase: PodPhase, run: int = 1) -> object:
    return job.JobPodReported(
        instance=instance, run=run, phase=phase, goal=Goal.RUNNING, config=1, failure_count=0
    )


def job_of(*events: object) -> JobView:
    view = view_of("job/1", JOB, *events)
    assert isinstance(view, JobView)
    return view


def test_a_new_job() -> None:
    view = job_of()
    assert (view.version, view.phase, view.goal) == ("1-1-1", JobPhase.PENDING, Goal.RUNNING)
    assert (view.created_at, view.created_by, view.ended_at) == (S, "ada", 0)
    assert not view.reports


def test_the_first_workflow_is_the_creation() -> None:
    view = job_of(started())
    assert view.version == "1-1-1"
    (workflow,) = view.workflows
    assert (workflow.ordinal, workflow.phase, workflow.total, workflow.remaining) == (
        1,
        WorkflowPhase.INITIALIZED,
        3,
        3,
    )
    assert job_of(started(), started(2)).version == "2-1-2"


def test_a_workflow_goes_through_its_instances() -> None:
    view = job_of(started(), job.WorkflowAdvanced(instances=(0, 1)))
    assert view.workflows[-1].phase is WorkflowPhase.ROLLING_FORWARD
    assert sorted(view.workflows[-1].in_flight) == [0, 1]
    view = job_of(
        started(),
        job.WorkflowAdvanced(instances=(0, 1)),
        job.WorkflowInstanceEnded(instance=0, has_failed=False),
        job.WorkflowInstanceEnded(instance=1, has_failed=True),
        job.WorkflowPhaseChanged(phase=WorkflowPhase.FAILED),
    )
    workflow = view.workflows[-1]
    assert (workflow.completed, workflow.failed, workflow.remaining) == (1, 1, 1)
    assert not workflow.in_flight
    assert workflow.ended_at == workflow.updated_at == 6 * S
    assert [change.phase for change in workflow.changes] == [
        WorkflowPhase.INITIALIZED,
        WorkflowPhase.ROLLING_FORWARD,
        WorkflowPhase.FAILED,
    ]


def test_a_paused_workflow_knows_where_it_returns() -> None:
    paused = job_of(started(paused=True)).workflows[-1]
    assert (paused.phase, paused.previous_phase) == (WorkflowPhase.PAUSED, WorkflowPhase.INITIALIZED)
    later = job_of(
        started(),
        job.WorkflowAdvanced(instances=(0, 0)),
        job.WorkflowPhaseChanged(phase=WorkflowPhase.PAUSED),
    ).workflows[-1]
    assert later.previous_phase is WorkflowPhase.ROLLING_FORWARD


def test_a_job_keeps_some_workflows_of_each_kind() -> None:
    restarts = [started(1, kind=WorkflowKind.RESTART) for _ in range(KEPT_WORKFLOWS + 2)]
    view = job_of(started(), *restarts)
    assert [workflow.ordinal for workflow in view.workflows] == [1, *range(4, KEPT_WORKFLOWS + 4)]


def test_the_last_report_of_a_pod_counts() -> None:
    view = job_of(
        report(0, PodPhase.RUNNING),
        report(1, PodPhase.RUNNING),
        report(1, PodPhase.FAILED),
        report(2, PodPhase.RUNNING),
        report(2, PodPhase.DELETED),
    )
    assert dict(view.counts) == {(1, PodPhase.RUNNING): 1, (1, PodPhase.FAILED): 1}
    assert dict(view.reports) == {
        0: PodReport(run=1, phase=PodPhase.RUNNING, config=1),
        1: PodReport(run=1, phase=PodPhase.FAILED, config=1),
    }


def test_goals_are_counted_when_clients_set_them() -> None:
    view = job_of(
        job.JobGoalChanged(goal=Goal.KILLED), job.JobGoalChanged(goal=Goal.RUNNING, is_counted=False)
    )
    assert (view.goal, view.version) == (Goal.RUNNING, "1-2-1")


def test_a_job_ends_and_goes_on() -> None:
    killed = job.JobPhaseChanged(phase=JobPhase.KILLED)
    assert job_of(killed).ended_at == 2 * S
    assert job_of(killed, job.JobPhaseChanged(phase=JobPhase.PENDING)).ended_at == 0
    assert job_of(killed, job.JobDeleted()).phase is JobPhase.DELETED


def test_hosts() -> None:
    spec = host.HostSpec(capacity=Resources(cpu=2), ports=(1, 2))
    wider = host.HostSpec(capacity=Resources(cpu=4), ports=(1, 2))
    drained = host.HostPhaseChanged(phase=host.HostPhase.DRAINING, goal=host.HostPhase.DRAINED, reason="work")
    view = view_of(
        "host/h1", host.HostRegistered(name="h1", spec=spec), host.HostRespecified(spec=wider), drained
    )
    assert isinstance(view, HostView)
    assert (view.id, view.spec, view.phase, view.goal) == ("h1", wider, drained.phase, drained.goal)


@pytest.mark.parametrize(
    ("stream", "event"),
    [
        ("pod/1", pod.PodLaunched(run=1)),
        ("job/1", job.JobDeleted()),
        ("job/1", job.WorkflowAdvanced(instances=(0, 1))),
        ("host/1", host.HostPhaseChanged(phase=host.HostPhase.UP, goal=host.HostPhase.UP)),
    ],
)
def test_a_stream_begins_with_its_entity(stream: str, event: object) -> None:
    with pytest.raises(OutOfPlace, match="has nothing before it"):
        view_of(stream, event)


def test_streams_without_views() -> None:
    recorded = Recorded(1, "receipt/1", 1, CommandReceived(), Envelope(at=1), is_last=True)
    assert fold(None, recorded) is None
    assert isinstance(view_of("pod/1", CREATED), PodView)
