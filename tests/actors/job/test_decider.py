"""What a job promises, example by example."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.job import ENTITY, TRANSITIONS, JobState, evolve
from actors.job.commands import (
    ContinueWorkflow,
    DeleteJob,
    JobAccepted,
    ReportPod,
    StartJob,
    StartJobPod,
    StopJob,
)
from actors.job.conclude import conclude
from actors.job.state import STEADY, is_finished
from actors.kernel.decider import Code, Decision, Opening, Send
from actors.pod.commands import DeletePod, StartPod, StopPod
from events.frozen import replace
from events.goal import Goal
from events.job import (
    JobCreated,
    JobDeleted,
    JobEvent,
    JobGoalChanged,
    JobPhase,
    JobPhaseChanged,
    JobPodReported,
    JobPodStartRequested,
    JobSpec,
    WorkflowAdvanced,
    WorkflowInstanceEnded,
    WorkflowKind,
    WorkflowOptions,
    WorkflowPhase,
    WorkflowPhaseChanged,
    WorkflowStarted,
)
from events.pod import PodCreated, PodPhase
from tests.actors.job.machine import creation
from tests.actors.pod.machine import ONE, TWO
from tests.actors.subject import Subject

P = PodPhase


def job(count: int, **options: int | bool) -> Subject[JobState]:
    subject = Subject(ENTITY, "job/1", lambda state: state.phase, TRANSITIONS, STEADY)
    subject.decided(creation(count, **options))
    return subject


def report(
    instance: int, phase: PodPhase, run: int = 1, goal: Goal = Goal.RUNNING, count: int = 0
) -> ReportPod:
    return ReportPod(instance=instance, run=run, phase=phase, goal=goal, config=1, failure_count=count)


def reported(told: ReportPod) -> JobPodReported:
    return JobPodReported(
        instance=told.instance,
        run=told.run,
        phase=told.phase,
        goal=told.goal,
        config=told.config,
        failure_count=told.failure_count,
    )


def state_of(subject: Subject[JobState]) -> JobState:
    assert subject.state is not None
    return subject.state


def opening(instance: int, goal: Goal = Goal.RUNNING) -> Opening:
    created = PodCreated(owner="job/1", instance=instance, config=1, spec=ONE, goal=goal, name="web")
    return Opening(f"pod/1-{instance}", (created,))


def workflow(phase: WorkflowPhase) -> WorkflowPhaseChanged:
    return WorkflowPhaseChanged(phase=phase)


def started(count: int, **options: bool) -> WorkflowStarted:
    return WorkflowStarted(
        kind=WorkflowKind.UPDATE,
        config=1,
        previous_config=0,
        options=WorkflowOptions(**options),
        added=((0, count - 1),) if count else (),
    )


CREATIONS: list[
    tuple[int, dict[str, bool], WorkflowAdvanced | None, tuple[JobEvent, ...], tuple[Opening, ...]]
] = [
    (2, {}, WorkflowAdvanced(instances=(0, 1)), (), (opening(0), opening(1))),
    (2, {"start_paused": True}, None, (), ()),
    (
        0,
        {},
        None,
        (
            workflow(WorkflowPhase.ROLLING_FORWARD),
            workflow(WorkflowPhase.SUCCEEDED),
            JobPhaseChanged(phase=JobPhase.SUCCEEDED),
        ),
        (),
    ),
]


@pytest.mark.parametrize(("count", "options", "advanced", "then", "opens"), CREATIONS)
def test_creation(
    count: int,
    options: dict[str, bool],
    advanced: WorkflowAdvanced | None,
    then: tuple[JobEvent, ...],
    opens: tuple[Opening, ...],
) -> None:
    command = creation(count, **options)
    subject = Subject(ENTITY, "job/1", lambda state: state.phase, TRANSITIONS, STEADY)
    created = JobCreated(spec=command.spec, workflow=started(count, **options), advanced=advanced)
    events = (created, *then)
    accepted = JobAccepted(job="1", version="1-1-1")
    assert subject.decided(command) == Decision(events=events, opens=opens, result=accepted)
    assert subject.refused(command).code is Code.ALREADY_EXISTS


@given(
    st.integers(0, 3),
    st.builds(
        WorkflowOptions,
        batch_size=st.integers(0, 3),
        max_instance_retries=st.integers(0, 2),
        max_tolerable_failures=st.integers(0, 2),
        start_paused=st.booleans(),
    ),
)
def test_nothing_is_left_to_conclude_after_a_creation(count: int, options: WorkflowOptions) -> None:
    """A creation that makes pods is decided without asking what follows: nothing ever does."""
    subject = Subject(ENTITY, "job/1", lambda state: state.phase, TRANSITIONS, STEADY)
    subject.decided(replace(creation(count), options=options))
    left = conclude(state_of(subject), (), is_wish=True)
    assert left == Decision(result=JobAccepted(job="1", version="1-1-1"))


def test_creation_refuses_what_cannot_be() -> None:
    subject = Subject(ENTITY, "job/1", lambda state: state.phase, TRANSITIONS, STEADY)
    spec = JobSpec(name="web", instance_count=2, default=None, instances=((0, ONE), (7, ONE)))
    assert subject.refused(replace(creation(2), spec=spec)).code is Code.INVALID
    assert subject.refused(creation(-1)).code is Code.INVALID
    assert subject.refused(StartJob(expected_version="1-1-1")).code is Code.NOT_FOUND
    assert subject.decided(replace(creation(2), spec=replace(spec, instances=((0, ONE), (1, TWO))))).opens
    with pytest.raises(ValueError, match="begins with JobDeleted"):
        evolve(None, "job/1", JobDeleted())


def test_pods_open_in_chunks_that_follow_one_another() -> None:
    subject = job(1200)
    following = Send("job/1", ContinueWorkflow(workflow=1))
    assert subject.effects == [following]
    assert subject.decided(report(0, P.RUNNING)).opens == ()  # the command on its way opens the next
    assert len(subject.decided(ContinueWorkflow(workflow=1)).opens) == 500
    assert subject.decided(ContinueWorkflow(workflow=2)) == Decision()
    assert len(subject.decided(ContinueWorkflow(workflow=1)).opens) == 200
    assert subject.effects == [following, following]
    assert subject.decided(ContinueWorkflow(workflow=1)) == Decision()


def test_a_batch_lets_the_next_in_when_one_has_arrived() -> None:
    subject = job(3, batch_size=1)
    assert subject.effects == []
    told = report(0, P.RUNNING)
    assert subject.decided(told) == Decision(
        events=(
            reported(told),
            WorkflowInstanceEnded(instance=0, has_failed=False),
            WorkflowAdvanced(instances=(1, 1)),
        ),
        opens=(opening(1),),
    )
    assert subject.decided(told) == Decision()
    assert subject.decided(report(0, P.KILLED, run=0)) == Decision()
    assert subject.decided(report(2, P.RUNNING)) == Decision()
    assert subject.decided(report(1, P.RUNNING)).events[2:] == (
        WorkflowAdvanced(instances=(2, 2)),
        JobPhaseChanged(phase=JobPhase.RUNNING),
    )
    assert subject.decided(report(2, P.RUNNING)).events[1:] == (
        WorkflowInstanceEnded(instance=2, has_failed=False),
        workflow(WorkflowPhase.SUCCEEDED),
    )


def test_too_many_failed_instances_fail_the_workflow() -> None:
    subject = job(3, batch_size=2, max_instance_retries=2, max_tolerable_failures=1)
    assert len(subject.decided(report(0, P.FAILED, count=1)).events) == 1
    assert subject.decided(report(0, P.FAILED, count=2)).events[1:] == (
        WorkflowInstanceEnded(instance=0, has_failed=True),
        workflow(WorkflowPhase.FAILED),
    )
    subject.decided(StopJob(expected_version="1-1-1"))
    subject.decided(report(1, P.KILLED, goal=Goal.KILLED))
    assert state_of(subject).phase is JobPhase.KILLED  # though the third pod was never made


def test_pods_made_after_a_stop_are_made_killed() -> None:
    subject = job(3, batch_size=1)
    stopped = subject.decided(StopJob(expected_version="1-1-1"))
    assert stopped.opens == (opening(1, Goal.KILLED), opening(2, Goal.KILLED))
    assert stopped.events == (
        JobGoalChanged(goal=Goal.KILLED),
        WorkflowAdvanced(instances=(1, 2)),
        WorkflowInstanceEnded(instance=1, has_failed=False),
        WorkflowInstanceEnded(instance=2, has_failed=False),
        JobPhaseChanged(phase=JobPhase.KILLING),
    )
    assert stopped.result == JobAccepted(job="1", version="1-2-1")
    assert subject.effects == [Send("pod/1-0", StopPod())]
    assert subject.decided(report(0, P.KILLED, goal=Goal.KILLED)).events[1:] == (
        WorkflowInstanceEnded(instance=0, has_failed=False),
        workflow(WorkflowPhase.SUCCEEDED),
        JobPhaseChanged(phase=JobPhase.KILLED),
    )
    assert is_finished(state_of(subject))


def running(count: int = 2) -> Subject[JobState]:
    subject = job(count)
    for instance in range(count):
        subject.decided(report(instance, P.RUNNING))
    subject.effects.clear()
    return subject


def test_every_goal_is_counted_even_when_it_is_so_already() -> None:
    subject = running()
    for count in (2, 3):
        accepted = subject.decided(StartJob(expected_version=f"1-{count - 1}-1"))
        assert accepted.events == (JobGoalChanged(goal=Goal.RUNNING),)
        assert accepted.result == JobAccepted(job="1", version=f"1-{count}-1")
    assert subject.effects == [Send("pod/1-0", StartPod()), Send("pod/1-1", StartPod())] * 2


@pytest.mark.parametrize("version", ["", "1", "1-1", "1-2-1", " 1-1-1", "01-1-1"])
def test_only_the_current_version_may_change(version: str) -> None:
    subject = running()
    for command in (StartJob, StopJob, DeleteJob):
        refusal = subject.refused(command(expected_version=version))
        assert (refusal.code, refusal.reason) == (Code.STALE_VERSION, "unexpected entity version")


def test_a_stop_waits_for_a_workflow_that_starts_pods() -> None:
    subject = job(2, start_pods=True)
    assert subject.refused(StopJob(expected_version="1-1-1")).code is Code.WRONG_STATE
    for instance in (0, 1):
        subject.decided(report(instance, P.RUNNING))
    subject.decided(StopJob(expected_version="1-1-1"))


def test_deletion_takes_the_pods_then_the_job() -> None:
    subject = running()
    assert subject.refused(DeleteJob(expected_version="1-1-1")).code is Code.WRONG_STATE
    subject.decided(DeleteJob(expected_version="1-1-1", force=True))
    assert subject.effects == [Send("pod/1-0", DeletePod()), Send("pod/1-1", DeletePod())]
    for command in (
        StartJob(expected_version="1-2-1"),
        StopJob(expected_version=""),
        StartJobPod(instance=0),
    ):
        refusal = subject.refused(command)
        assert (refusal.code, refusal.reason) == (Code.BEING_DELETED, "job is going to be deleted")
    again = subject.decided(DeleteJob(expected_version="1-2-1", force=True))
    assert again.result == JobAccepted(job="1", version="1-3-1")
    for instance in (0, 1):
        subject.decided(report(instance, P.KILLED, goal=Goal.DELETED))
    subject.decided(report(0, P.DELETED, goal=Goal.DELETED))
    last = subject.decided(report(1, P.DELETED, goal=Goal.DELETED))
    assert last.events[1:] == (JobDeleted(),)
    assert subject.refused(StartJob(expected_version="1-3-1")).code is Code.NOT_FOUND
    assert subject.refused(creation(2)).code is Code.ALREADY_EXISTS
    assert is_finished(state_of(subject))


def test_a_killed_job_is_deleted_without_force() -> None:
    subject = job(1, start_paused=True)
    subject.decided(StopJob(expected_version="1-1-1"))
    deleted = subject.decided(DeleteJob(expected_version="1-2-1"))
    assert deleted.events == (
        JobGoalChanged(goal=Goal.DELETED),
        workflow(WorkflowPhase.ABORTED),
        JobDeleted(),
    )


def test_a_pod_is_started_through_its_job() -> None:
    subject = running()
    assert subject.decided(StartJobPod(instance=1)).events == (JobPodStartRequested(instance=1),)
    assert subject.refused(StartJobPod(instance=2)).code is Code.INVALID
    subject.decided(StopJob(expected_version="1-1-1"))
    subject.effects.clear()
    begun = subject.decided(StartJobPod(instance=1))
    assert begun.events == (
        JobGoalChanged(goal=Goal.RUNNING, is_counted=False),
        JobPodStartRequested(instance=1),
        JobPhaseChanged(phase=JobPhase.RUNNING),
    )
    assert begun.result == JobAccepted(job="1", version="1-2-1")
    assert subject.effects == [Send("pod/1-1", StartPod())]
    assert job(2, batch_size=1).refused(StartJobPod(instance=1)).code is Code.NOT_FOUND


@pytest.mark.parametrize("is_stopped_as_a_whole", [True, False])
@pytest.mark.parametrize("is_started_as_a_whole", [True, False])
def test_a_killed_job_that_is_started_is_pending_until_something_happens_to_a_pod(
    *, is_stopped_as_a_whole: bool, is_started_as_a_whole: bool
) -> None:
    subject = running()
    if is_stopped_as_a_whole:
        subject.decided(StopJob(expected_version="1-1-1"))
    for instance in (0, 1):
        subject.decided(report(instance, P.KILLED, goal=Goal.KILLED))
    version = state_of(subject).version
    assert state_of(subject).phase is JobPhase.KILLED
    start = StartJob(expected_version=version) if is_started_as_a_whole else StartJobPod(instance=0)
    assert subject.decided(start).events[-1] == JobPhaseChanged(phase=JobPhase.PENDING)
    version = state_of(subject).version
    assert subject.refused(DeleteJob(expected_version=version)).code is Code.WRONG_STATE
    for told in (
        report(0, P.KILLED),  # wanted again, as the last run left it
        report(0, P.INITIALIZED, run=2),
        report(0, P.KILLED, run=2, goal=Goal.KILLED),
    ):
        assert state_of(subject).phase is JobPhase.PENDING
        subject.decided(told)
    assert state_of(subject).phase is JobPhase.KILLED


PHASES: list[tuple[Sequence[PodPhase], JobPhase]] = [
    ((P.RUNNING, P.PENDING), JobPhase.RUNNING),
    ((P.PENDING, P.STARTING), JobPhase.PENDING),
    ((P.SUCCEEDED, P.SUCCEEDED), JobPhase.SUCCEEDED),
    ((P.SUCCEEDED, P.FAILED), JobPhase.FAILED),
    ((P.LOST, P.LOST), JobPhase.FAILED),
    ((P.KILLED, P.FAILED), JobPhase.KILLED),
    ((P.KILLED, P.RUNNING), JobPhase.RUNNING),
    ((P.KILLED, P.PENDING), JobPhase.PENDING),
    ((P.KILLING, P.RUNNING), JobPhase.RUNNING),
]


@pytest.mark.parametrize(("pods", "then"), PHASES)
def test_the_phase_is_derived(pods: Sequence[PodPhase], then: JobPhase) -> None:
    subject = running()
    for instance, phase in enumerate(pods):
        subject.decided(report(instance, phase, run=2))
    assert state_of(subject).phase is then


def test_a_broadcast_is_a_sequence_in_the_order_of_instances() -> None:
    state = state_of(running(12))
    sends = ENTITY.react(state, JobGoalChanged(goal=Goal.RUNNING))
    assert [send.to for send in sends if isinstance(send, Send)] == [f"pod/1-{i}" for i in range(12)]
    assert sends[3:5] == (sends[3], sends[4])
    assert ENTITY.outstanding(state) == ()
