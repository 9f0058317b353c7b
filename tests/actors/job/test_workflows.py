"""What a job's workflows promise, example by example."""

import pytest

from actors.job import JobState
from actors.job.commands import (
    AbortWorkflow,
    CompareJob,
    ContinueWorkflow,
    DeleteJob,
    JobAccepted,
    PauseWorkflow,
    ReplaceJob,
    RestartJob,
    ResumeWorkflow,
    StartJobPod,
    StopJob,
    WorkflowCommand,
)
from actors.job.state import is_finished
from actors.kernel.decider import Code, Decision, Opening, Send
from actors.pod.commands import DeletePod, ReconfigurePod, RecreatePod
from events.frozen import replace
from events.goal import Goal
from events.job import (
    InstanceRange,
    JobGoalChanged,
    JobSpec,
    WorkflowAdvanced,
    WorkflowInstanceEnded,
    WorkflowKind,
    WorkflowOptions,
    WorkflowPhase,
    WorkflowPlanned,
    WorkflowTouched,
    WorkflowTurnedBack,
)
from events.pod import EndReason, PodCreated, PodPhase
from tests.actors.job.rolling import arrive, become, move, spec, started, told
from tests.actors.job.test_decider import job, report, running, state_of, workflow
from tests.actors.pod.machine import ONE, TWO
from tests.actors.subject import Subject

P = PodPhase
W = WorkflowPhase
CAREFUL = WorkflowOptions(
    batch_size=1, max_instance_retries=1, max_tolerable_failures=1, roll_back_on_failure=True
)


def test_an_update_is_planned_taken_and_over() -> None:
    subject = running(3)
    wanted = spec(3, ONE, i1=TWO)
    assert become(subject, wanted) == Decision(
        events=(
            started(2, wanted),
            WorkflowPlanned(updated=((1, 1),)),
            WorkflowAdvanced(instances=(1, 1)),
        ),
        result=JobAccepted(job="1", version="2-1-2"),
    )
    assert subject.effects == [
        Send("pod/1-0", ReconfigurePod(config=2, spec=ONE, restart=False)),
        Send("pod/1-2", ReconfigurePod(config=2, spec=ONE, restart=False)),
        Send("pod/1-1", move(subject, TWO)),
    ]
    assert subject.decided(told(1, P.RUNNING, 2)).events[1:] == (
        WorkflowInstanceEnded(instance=1, has_failed=False),
        workflow(W.SUCCEEDED),
    )


def test_an_update_that_changes_nothing_is_over_at_once() -> None:
    subject = running()
    decided = become(subject, spec(2, ONE))
    assert decided.events[1:] == (WorkflowPlanned(), workflow(W.SUCCEEDED))
    assert len(subject.effects) == 2


def test_batches_take_the_added_then_the_worst_then_the_removed() -> None:
    subject = running(5)
    subject.decided(report(3, P.KILLED, goal=Goal.KILLED))
    subject.decided(report(2, P.FAILED, count=1))
    become(subject, spec(4), batch_size=1)
    state = state_of(subject)
    assert state.workflow is not None
    order = [2, 3, 0, 1]
    assert list(state.workflow.in_flight) == [order[0]]
    for before, after in zip(order, [*order[1:], 4], strict=True):
        goal = Goal.KILLED if before == 3 else Goal.RUNNING
        phase, config = (P.KILLED, 1) if before == 3 else (P.RUNNING, 2)
        arrived = told(before, phase, config, goal=goal, desired_config=2)
        assert WorkflowAdvanced(instances=(after, after)) in subject.decided(arrived).events
    assert subject.effects[-1] == Send("pod/1-4", DeletePod())
    subject.decided(told(4, P.KILLED, 1, goal=Goal.DELETED))
    ended = subject.decided(told(4, P.DELETED, 1, goal=Goal.DELETED)).events
    assert workflow(W.SUCCEEDED) in ended


def test_what_waits_and_comes_to_harm_goes_first_and_what_recovers_does_not() -> None:
    subject = running(4)
    become(subject, spec(4), batch_size=1)
    subject.decided(report(2, P.FAILED, count=1))
    subject.decided(report(3, P.FAILED, count=1))
    subject.decided(report(2, P.RUNNING, run=2))
    assert WorkflowAdvanced(instances=(3, 3)) in subject.decided(told(0, P.RUNNING, 2)).events
    subject.decided(report(1, P.KILLED, goal=Goal.KILLED))
    subject.decided(report(1, P.FAILED, run=2))  # another rank
    assert WorkflowAdvanced(instances=(1, 1)) in subject.decided(told(3, P.RUNNING, 2)).events


def test_one_append_may_take_instances_that_are_apart() -> None:
    subject = running(4)
    decided = become(subject, spec(4, ONE, i0=TWO, i2=TWO, i3=TWO), batch_size=3)
    assert decided.events[2] == WorkflowAdvanced(instances=(0, 0), more=((2, 3),))


def test_large_updates_go_in_chunks() -> None:
    subject = job(700)
    subject.decided(ContinueWorkflow(workflow=1))
    for instance in range(700):
        subject.decided(report(instance, P.RUNNING))
    subject.effects.clear()
    become(subject, spec(700))
    assert len(subject.effects) == 501
    assert subject.effects[-1] == Send("job/1", ContinueWorkflow(workflow=2))
    subject.decided(ContinueWorkflow(workflow=2))
    assert len(subject.effects) == 701


def test_a_failing_update_turns_back() -> None:
    subject = running(2)
    become(subject, spec(3), **{name: getattr(CAREFUL, name) for name in FIELDS})
    assert subject.decided(told(2, P.FAILED, 1, run=1, failure_count=9)).events[1:] == ()  # another config
    failed = subject.decided(told(2, P.FAILED, 2, run=1, failure_count=1))
    before = JobSpec(name="web", instance_count=2, default=ONE)
    assert failed.events[1:5] == (
        WorkflowInstanceEnded(instance=2, has_failed=True),
        WorkflowTurnedBack(config=3, spec=before),
        WorkflowPlanned(removed=((2, 2),)),
        WorkflowAdvanced(instances=(2, 2)),
    )
    state = state_of(subject)
    assert (state.version, state.spec) == ("3-1-2", before)
    assert subject.effects[-3:] == [
        Send("pod/1-0", ReconfigurePod(config=3, spec=ONE, restart=False)),
        Send("pod/1-1", ReconfigurePod(config=3, spec=ONE, restart=False)),
        Send("pod/1-2", DeletePod()),
    ]
    gone = subject.decided(told(2, P.DELETED, 2, goal=Goal.DELETED))
    assert workflow(W.ROLLED_BACK) in gone.events


FIELDS = ("batch_size", "max_instance_retries", "max_tolerable_failures", "roll_back_on_failure")


def test_the_way_back_may_fail_too_and_may_be_no_way() -> None:
    subject = running(1)
    become(subject, spec(1), **{name: getattr(CAREFUL, name) for name in FIELDS})
    assert workflow(W.FAILED) not in subject.decided(told(0, P.FAILED, 2, failure_count=1)).events
    back = subject.decided(told(0, P.FAILED, 3, run=3, failure_count=1))
    assert workflow(W.FAILED) in back.events
    fresh = job(1, max_instance_retries=1, max_tolerable_failures=1, roll_back_on_failure=True)
    failed = fresh.decided(report(0, P.FAILED, count=1))
    assert workflow(W.FAILED) in failed.events  # nothing was before


def test_a_paused_workflow_counts_what_is_in_flight_and_takes_nothing() -> None:
    subject = running(2)
    become(subject, spec(2), batch_size=1)
    paused = subject.decided(PauseWorkflow(expected_version="2-1-2", opaque="wait"))
    assert paused.events == (WorkflowTouched(opaque="wait"), workflow(W.PAUSED))
    assert paused.result == JobAccepted(job="1", version="2-1-3")
    again = subject.decided(PauseWorkflow(expected_version="2-1-3"))
    assert again.events == (WorkflowTouched(),)
    assert subject.decided(told(0, P.RUNNING, 2)).events[1:] == (
        WorkflowInstanceEnded(instance=0, has_failed=False),
    )
    resumed = subject.decided(ResumeWorkflow(expected_version="2-1-4"))
    assert resumed.events == (
        WorkflowTouched(),
        workflow(W.ROLLING_FORWARD),
        WorkflowAdvanced(instances=(1, 1)),
    )
    state = state_of(subject)
    assert state.workflow is not None
    assert state.workflow.opaque == "wait"
    aborted = subject.decided(AbortWorkflow(expected_version="2-1-5"))
    assert aborted.events == (WorkflowTouched(), workflow(W.ABORTED))
    for kind in (PauseWorkflow, ResumeWorkflow, AbortWorkflow):
        version = state_of(subject).version
        assert subject.decided(kind(expected_version=version)).events == (WorkflowTouched(),)


def test_a_workflow_that_starts_paused_plans_nothing_yet() -> None:
    subject = running(2)
    assert become(subject, spec(1), start_paused=True).events == (
        replace(started(2, spec(1)), options=WorkflowOptions(start_paused=True)),
        # There are more pods than the job wants.
        subject.events[-1],
    )
    resumed = subject.decided(ResumeWorkflow(expected_version="2-1-2"))
    assert resumed.events[1:4] == (
        workflow(W.INITIALIZED),
        WorkflowPlanned(updated=((0, 0),), removed=((1, 1),)),
        WorkflowAdvanced(instances=(0, 1)),
    )


def test_a_newer_update_takes_the_place_of_an_older_one() -> None:
    subject = running(2)
    become(subject, spec(2), batch_size=1)
    newer = become(subject, spec(2, ONE))
    assert newer.events == (
        workflow(W.ABORTED),
        started(3, spec(2, ONE)),
        WorkflowPlanned(updated=((0, 0),)),  # on its way to what it is not to run
        WorkflowAdvanced(instances=(0, 0)),
    )
    subject.decided(told(0, P.INITIALIZED, 2, run=2))  # an old report takes nothing back
    assert state_of(subject).pods[0].desired_config == 3


def test_the_same_again_makes_no_other_workflow() -> None:
    subject = running(1)
    become(subject, spec(1), opaque="a")
    same = Decision(result=JobAccepted(job="1", version="2-1-2"))
    assert become(subject, spec(1), opaque="a") == same
    assert become(subject, spec(1), opaque="b").events == (WorkflowTouched(opaque="b"),)
    assert become(subject, spec(1), batch_size=1).events[0] == workflow(W.ABORTED)
    arrive(subject, 0)
    assert become(subject, spec(1), batch_size=1).events[0] != workflow(W.ABORTED)


def test_a_removed_pod_comes_back_with_its_run_numbers() -> None:
    subject = running(2)
    become(subject, spec(1, ONE))
    subject.decided(AbortWorkflow(expected_version=state_of(subject).version))
    back = become(subject, spec(3, ONE), batch_size=1)
    assert WorkflowPlanned(added=((1, 2),)) in back.events
    assert WorkflowAdvanced(instances=(2, 2)) in back.events  # the other is still leaving
    assert subject.refused(StartJobPod(instance=1)).code is Code.BEING_DELETED
    assert subject.decided(told(2, P.RUNNING, 3, run=1)).events[1:2] == (
        WorkflowInstanceEnded(instance=2, has_failed=False),
    )
    gone = subject.decided(told(1, P.DELETED, 1, run=7, goal=Goal.DELETED))
    assert gone.opens == ()
    assert gone.events[1] == WorkflowAdvanced(instances=(1, 1))
    assert subject.effects[-1] == Send(
        "pod/1-1", RecreatePod(config=3, spec=ONE, goal=Goal.RUNNING, name="web")
    )
    assert state_of(subject).pods[1].run == 8


def stopped(count: int) -> Subject[JobState]:
    subject = running(count)
    subject.decided(StopJob(expected_version="1-1-1"))
    for instance in range(count):
        subject.decided(report(instance, P.KILLED, goal=Goal.KILLED))
    subject.effects.clear()
    return subject


def test_an_update_of_a_stopped_job_starts_nothing() -> None:
    subject = stopped(1)
    decided = become(subject, spec(2))
    created = PodCreated(owner="job/1", instance=1, config=2, spec=TWO, goal=Goal.KILLED, name="web")
    assert decided.opens == (Opening("pod/1-1", (created,)),)
    assert subject.effects == [Send("pod/1-0", move(subject, TWO))]
    assert not is_finished(state_of(subject))
    moved = told(0, P.KILLED, 1, run=1, goal=Goal.KILLED, desired_config=2)
    assert workflow(W.SUCCEEDED) in subject.decided(moved).events
    assert is_finished(state_of(subject))


def test_an_update_may_start_pods() -> None:
    subject = stopped(2)
    decided = become(subject, spec(2, ONE, i1=TWO), start_pods=True)
    assert decided.events[0] == JobGoalChanged(goal=Goal.RUNNING, is_counted=False)
    assert decided.result == JobAccepted(job="1", version="2-2-2")
    assert subject.effects == [
        Send("pod/1-0", ReconfigurePod(config=2, spec=ONE, restart=False, goal=Goal.RUNNING)),
        Send("pod/1-1", move(subject, TWO, goal=Goal.RUNNING)),
    ]
    being_stopped = running(1)
    being_stopped.decided(StopJob(expected_version="1-1-1"))
    refusal = being_stopped.refused(
        ReplaceJob(expected_version="1-2-1", spec=spec(1), options=WorkflowOptions(start_pods=True))
    )
    assert refusal.code is Code.WRONG_STATE


RESTARTS: list[tuple[tuple[InstanceRange, ...], tuple[InstanceRange, ...]]] = [
    ((), ((0, 3),)),
    (((9, 12),), ((0, 3),)),
    (((2, 9), (0, 0), (1, 1)), ((0, 3),)),
    (((3, 3), (1, 1)), ((1, 1), (3, 3))),
]


@pytest.mark.parametrize(("asked", "then"), RESTARTS)
def test_a_restart_is_of_what_was_asked_for(
    asked: tuple[InstanceRange, ...], then: tuple[InstanceRange, ...]
) -> None:
    subject = running(4)
    decided = subject.decided(RestartJob(expected_version="1-1-1", instances=asked))
    assert decided.events[:2] == (
        replace(started(2, None, WorkflowKind.RESTART), updated=then),
        WorkflowPlanned(updated=then),
    )
    assert decided.result == JobAccepted(job="1", version="2-1-2")
    moves = [each for each in subject.effects if isinstance(each, Send)]
    restart = move(subject, ONE, goal=Goal.RUNNING, reason=EndReason.FOR_RESTART)
    assert sum(each.command == restart for each in moves) == sum(last - first + 1 for first, last in then)


def test_a_restart_starts_a_stopped_job_and_waits_for_other_workflows() -> None:
    subject = stopped(1)
    decided = subject.decided(RestartJob(expected_version="1-2-1"))
    assert decided.events[0] == JobGoalChanged(goal=Goal.RUNNING, is_counted=False)
    version = state_of(subject).version
    same = subject.decided(RestartJob(expected_version=version, instances=((5, 5),)))
    assert same == Decision(result=JobAccepted(job="1", version=version))
    other = RestartJob(expected_version=version, options=WorkflowOptions(batch_size=1))
    assert subject.refused(other).code is Code.INVALID
    assert subject.refused(ReplaceJob(expected_version=version, spec=spec(1))).code is Code.INVALID
    fresh = job(1)
    assert fresh.refused(RestartJob(expected_version="1-1-1")).code is Code.INVALID
    empty = job(0)
    assert WorkflowPlanned() in empty.decided(RestartJob(expected_version="1-1-1")).events


def test_a_restart_leaves_alone_what_an_update_has_not_reached() -> None:
    subject = running(2)
    become(subject, spec(2), batch_size=1)
    subject.decided(AbortWorkflow(expected_version="2-1-2"))
    arrive(subject, 0)
    subject.effects.clear()
    subject.decided(RestartJob(expected_version="2-1-3", instances=((0, 0),)))
    assert [each.to for each in subject.effects if isinstance(each, Send)] == ["pod/1-0"]


REFUSED: list[tuple[WorkflowCommand, Code]] = [
    (ReplaceJob(expected_version="1-1-1", spec=spec(-1)), Code.INVALID),
    (ReplaceJob(expected_version="1-1-1", spec=replace(spec(1), pool="other")), Code.INVALID),
    (CompareJob(expected_version="1-1-1", spec=replace(spec(1), default=None)), Code.INVALID),
    (CompareJob(expected_version="1-1-2", spec=spec(1)), Code.STALE_VERSION),
    (RestartJob(expected_version=""), Code.STALE_VERSION),
    (PauseWorkflow(expected_version="x"), Code.STALE_VERSION),
]


@pytest.mark.parametrize(("command", "code"), REFUSED)
def test_refusals(command: WorkflowCommand, code: Code) -> None:
    assert running().refused(command).code is code


def test_a_job_to_be_deleted_has_no_more_workflows() -> None:
    subject = running()
    subject.decided(DeleteJob(expected_version="1-1-1", force=True))
    assert subject.refused(RestartJob(expected_version="1-2-1")).code is Code.BEING_DELETED
