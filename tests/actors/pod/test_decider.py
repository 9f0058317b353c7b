"""Given events, when a command, then events or a rejection: what a pod promises, example by example."""

import pytest

from actors.job.commands import ReportPod
from actors.kernel.decider import ArmTimer, Code, Decision, Rejection, Send
from actors.pod import ENTITY, evolve
from actors.pod.commands import (
    BeginNextRun,
    DeletePod,
    ForgetPod,
    ForgetRun,
    LaunchRun,
    ObserveRun,
    PlacePod,
    PodCommand,
    QueuePod,
    ReconfigurePod,
    RecordContainerExited,
    RecordContainerStarted,
    RecordLaunched,
    RecordRunEnded,
    RequestPlacement,
    RestartPod,
    StartPod,
    StopPod,
    StopRun,
)
from actors.pod.state import is_finished
from events.frozen import replace
from events.goal import Goal
from events.pod import (
    EndReason,
    PodContainerExited,
    PodContainerStarted,
    PodDeleted,
    PodEnded,
    PodEvent,
    PodGoalChanged,
    PodLaunched,
    PodLaunching,
    PodPhase,
    PodPlaced,
    PodQueued,
    PodReconfigured,
    PodRunning,
    PodRunStarted,
    PodSpec,
    PodStarting,
    PodStopRequested,
)
from tests.actors.pod.machine import ONCE, ONE, TWO, subject

P = PodPhase
R = EndReason
NOW = 1_000_000

PLACE = PlacePod(run=1, host="h")
LAUNCHED = RecordLaunched(run=1)
STARTED = RecordContainerStarted(run=1, container="main", process=7, at=5)
END = RecordRunEnded(run=1)
LOST = RecordRunEnded(run=1, is_lost=True)
HAS_STARTED = PodContainerStarted(run=1, container="main", process=7, at=5)


def exit_of(
    container: str = "main", code: int = 0, signal: str = "", message: str = ""
) -> RecordContainerExited:
    return RecordContainerExited(
        run=1, container=container, exit_code=code, signal=signal, at=6, message=message
    )


def exited(container: str = "main", code: int = 0, signal: str = "", message: str = "") -> PodContainerExited:
    return PodContainerExited(
        run=1, container=container, exit_code=code, signal=signal, at=6, message=message
    )


def ended(phase: PodPhase, reason: EndReason, message: str = "", count: int = 0, at: int = 0) -> PodEnded:
    return PodEnded(run=1, phase=phase, reason=reason, message=message, failure_count=count, restart_at=at)


def wanted(goal: Goal, run: int = 1) -> PodGoalChanged:
    return PodGoalChanged(goal=goal, desired_run=run)


def rerun(spec: PodSpec = ONE, config: int = 1, count: int = 0) -> PodRunStarted:
    return PodRunStarted(run=2, config=config, spec=spec, failure_count=count)


UP = (PLACE, LAUNCHED, STARTED)
TOO_LATE = NOW + 30_000_000
MOVED = PodReconfigured(config=2, spec=TWO, is_applied=False)
UPDATE = ReconfigurePod(config=2, spec=TWO, restart=True)

CASES: list[tuple[str, tuple[PodCommand, ...], PodCommand, tuple[PodEvent, ...]]] = [
    ("waits", (), QueuePod(run=1, reason="full"), (PodQueued(run=1, reason="full"),)),
    ("waits for the same", (QueuePod(run=1, reason="full"),), QueuePod(run=1, reason="full"), ()),
    ("waits in another run", (), QueuePod(run=2, reason="full"), ()),
    ("is placed", (), PLACE, (PodPlaced(run=1, host="h"), PodLaunching(run=1))),
    ("is placed again", (PLACE,), PLACE, ()),
    ("was launched", (PLACE,), LAUNCHED, (PodLaunched(run=1),)),
    ("was launched, told again", UP, LAUNCHED, ()),
    ("runs", (PLACE, LAUNCHED), STARTED, (HAS_STARTED, PodRunning(run=1))),
    ("runs, launch untold", (PLACE,), STARTED, (PodLaunched(run=1), HAS_STARTED, PodRunning(run=1))),
    ("runs, told again", UP, STARTED, ()),
    ("is told of a container it has not", UP, exit_of("other"), ()),
    ("is told of another run", UP, replace(STARTED, run=2), ()),
    ("exits, start untold", (PLACE,), exit_of(), (PodLaunched(run=1), PodStarting(run=1), exited())),
    ("exits, told again", (*UP, exit_of()), exit_of(), ()),
    ("starts after its exit", (*UP[:2], exit_of()), STARTED, ()),
    ("succeeds", (*UP, exit_of()), END, (ended(P.SUCCEEDED, R.EXITED, count=1, at=TOO_LATE),)),
    ("ended, told again", (*UP, exit_of(), END), END, ()),
    (
        "fails by a code",
        (*UP, exit_of(code=3)),
        END,
        (ended(P.FAILED, R.FAILED, "container main exited with code 3", 1, TOO_LATE),),
    ),
    (
        "fails by a signal",
        (*UP, exit_of(signal="SIGSEGV")),
        END,
        (ended(P.FAILED, R.FAILED, "container main was ended by signal SIGSEGV", 1, TOO_LATE),),
    ),
    (
        "cannot be started",
        (PLACE, exit_of(code=127, message="no such file")),
        END,
        (ended(P.FAILED, R.FAILED, "container main could not be started: no such file", 1, TOO_LATE),),
    ),
    (
        "is lost before anything was told",
        (PLACE,),
        replace(END, is_lost=True, message="gone"),
        (PodLaunched(run=1), PodStarting(run=1), ended(P.LOST, R.LOST, "gone", 1, TOO_LATE)),
    ),
    (
        "is lost when all exits are known",
        (*UP, exit_of()),
        replace(END, is_lost=True),
        (ended(P.SUCCEEDED, R.EXITED, count=1, at=TOO_LATE),),
    ),
    (
        "ends with an exit untold",
        UP,
        END,
        (ended(P.FAILED, R.FAILED, "no exit of container main was told", 1, TOO_LATE),),
    ),
    ("is stopped before it was placed", (), StopPod(), (wanted(Goal.KILLED), ended(P.KILLED, R.ON_REQUEST))),
    (
        "is stopped while it runs",
        UP,
        StopPod(reason=R.DEADLINE),
        (wanted(Goal.KILLED), PodStopRequested(run=1, reason=R.DEADLINE)),
    ),
    ("is stopped again", (*UP, StopPod()), StopPod(), ()),
    ("was stopped", (*UP, StopPod()), END, (ended(P.KILLED, R.ON_REQUEST),)),
    (
        "was stopped and is lost",
        (*UP, StopPod()),
        replace(END, is_lost=True),
        (ended(P.KILLED, R.ON_REQUEST),),
    ),
    ("was stopped before it started", (PLACE, StopPod()), END, (ended(P.KILLED, R.ON_REQUEST),)),
    (
        "starts when it was stopped",
        (PLACE, LAUNCHED, StopPod()),
        STARTED,
        (HAS_STARTED, PodStopRequested(run=1, reason=R.ON_REQUEST)),
    ),
    ("is stopped when it has failed", (*UP, exit_of(code=1), END), StopPod(), (wanted(Goal.KILLED),)),
    ("is due after a stop", (*UP, exit_of(), END, StopPod()), BeginNextRun(run=1), ()),
    ("is due", (*UP, exit_of(), END), BeginNextRun(run=1), (rerun(count=1),)),
    ("is due for another run", (*UP, exit_of(), END), BeginNextRun(run=2), ()),
    ("is started when it is to run", UP, StartPod(), ()),
    ("is started when stopped", (StopPod(),), StartPod(), (wanted(Goal.RUNNING, 2), rerun())),
    ("is started while it is killed", (*UP, StopPod()), StartPod(), (wanted(Goal.RUNNING, 2),)),
    ("was killed and is to run", (*UP, StopPod(), StartPod()), END, (ended(P.KILLED, R.ON_REQUEST), rerun())),
    (
        "is restarted while it runs",
        UP,
        RestartPod(),
        (wanted(Goal.RUNNING, 2), PodStopRequested(run=1, reason=R.FOR_RESTART)),
    ),
    ("is restarted again", (*UP, RestartPod()), RestartPod(), ()),
    (
        "is restarted before it was placed",
        (),
        RestartPod(),
        (wanted(Goal.RUNNING, 2), ended(P.KILLED, R.FOR_RESTART), rerun()),
    ),
    ("is restarted when stopped", (StopPod(),), RestartPod(), (wanted(Goal.RUNNING, 2), rerun())),
    (
        "is restarted in its backoff",
        (*UP, exit_of(code=1), END),
        RestartPod(),
        (wanted(Goal.RUNNING, 2), rerun(count=1)),
    ),
    (
        "is started again after failures",
        (*UP, exit_of(code=1), END, StopPod()),
        StartPod(),
        (wanted(Goal.RUNNING, 2), rerun(count=1)),
    ),
    (
        "is reconfigured after failures",
        (*UP, exit_of(code=1), END),
        UPDATE,
        (wanted(Goal.RUNNING, 2), MOVED, rerun(TWO, config=2)),
    ),
    (
        "is stopped when its restart is on the way",
        (*UP, RestartPod()),
        StopPod(),
        (wanted(Goal.KILLED, 2), PodStopRequested(run=1, reason=R.ON_REQUEST)),
    ),
    (
        "is deleted while it runs",
        UP,
        DeletePod(),
        (wanted(Goal.DELETED), PodStopRequested(run=1, reason=R.ON_REQUEST)),
    ),
    ("is deleted again", (*UP, DeletePod()), DeletePod(), ()),
    ("was deleted", (*UP, DeletePod()), END, (ended(P.KILLED, R.ON_REQUEST), PodDeleted(run=1))),
    ("is deleted when stopped", (StopPod(),), DeletePod(), (wanted(Goal.DELETED), PodDeleted(run=1))),
    (
        "is reconfigured by a new run",
        UP,
        UPDATE,
        (wanted(Goal.RUNNING, 2), MOVED, PodStopRequested(run=1, reason=R.FOR_UPDATE)),
    ),
    (
        "was reconfigured by a new run",
        (*UP, UPDATE),
        END,
        (ended(P.KILLED, R.FOR_UPDATE), rerun(TWO, config=2)),
    ),
    ("is reconfigured again", (*UP, UPDATE), UPDATE, ()),
    ("is reconfigured in place", UP, replace(UPDATE, restart=False), (replace(MOVED, is_applied=True),)),
    ("is reconfigured when stopped", (StopPod(),), UPDATE, (MOVED,)),
    (
        "is reconfigured and started",
        (StopPod(),),
        replace(UPDATE, restart=False, goal=Goal.RUNNING),
        (wanted(Goal.RUNNING, 2), MOVED, rerun(TWO, config=2)),
    ),
]


@pytest.mark.parametrize(
    ("given", "when", "then"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_pod(given: tuple[PodCommand, ...], when: PodCommand, then: tuple[PodEvent, ...]) -> None:
    pod = subject()
    for command in given:
        pod.decided(command, now=NOW)
    assert pod.decided(when, now=NOW) == Decision(events=then)
    pod.check_fold()


REJECTIONS: list[tuple[tuple[PodCommand, ...], PodCommand, Code]] = [
    ((StopPod(),), PLACE, Code.WRONG_STATE),
    ((), PlacePod(run=2, host="h"), Code.WRONG_STATE),
    ((PLACE,), PlacePod(run=1, host="other"), Code.WRONG_STATE),
    ((*UP, DeletePod()), StartPod(), Code.BEING_DELETED),
    ((*UP, DeletePod()), StopPod(), Code.BEING_DELETED),
    ((*UP, DeletePod()), RestartPod(), Code.BEING_DELETED),
    ((*UP, DeletePod()), UPDATE, Code.BEING_DELETED),
    ((DeletePod(),), StartPod(), Code.NOT_FOUND),
]


@pytest.mark.parametrize(("given", "when", "code"), REJECTIONS)
def test_a_pod_refuses(given: tuple[PodCommand, ...], when: PodCommand, code: Code) -> None:
    pod = subject()
    for command in given:
        pod.decided(command)
    assert pod.refused(when).code is code


def test_a_failed_container_ends_the_others() -> None:
    pod = subject(TWO)
    for command in (PLACE, LAUNCHED, exit_of("init")):
        pod.decided(command)
    first = pod.decided(replace(STARTED, container="a"))
    assert first.events == (replace(HAS_STARTED, container="a"),)
    assert pod.decided(replace(STARTED, container="b")).events[1:] == (PodRunning(run=1),)
    assert pod.decided(exit_of("a", 2)).events == (
        exited("a", 2),
        PodStopRequested(run=1, reason=R.FAILED),
    )
    pod.decided(exit_of("b", signal="SIGTERM"))
    (end,) = pod.decided(END).events
    assert isinstance(end, PodEnded)
    assert (end.phase, end.reason, end.message) == (P.FAILED, R.FAILED, "container a exited with code 2")


def test_one_container_exiting_well_leaves_the_others_running() -> None:
    pod = subject(TWO)
    for command in (PLACE, LAUNCHED, replace(STARTED, container="a"), replace(STARTED, container="b")):
        pod.decided(command)
    assert pod.decided(exit_of("a")).events == (exited("a"),)


def test_the_backoff_doubles_up_to_its_bound() -> None:
    """min(30 s * 2^(k-1), 3600 s), counted from the end."""
    pod = subject(replace(ONE, backoff_s=30.0, backoff_max_s=3600.0))
    pauses = []
    for run in range(1, 80):
        pod.decided(PlacePod(run=run, host="h"))
        pod.decided(RecordRunEnded(run=run, is_lost=True), now=NOW)
        assert pod.state is not None
        pauses.append((pod.state.restart_at - NOW) // 1_000_000)
        pod.decided(BeginNextRun(run=run))
    assert pauses[:9] == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert set(pauses[9:]) == {3600}


def test_a_pod_that_runs_once_stays_ended() -> None:
    pod = subject(ONCE)
    for command in (*UP, exit_of(), END):
        pod.decided(command)
    assert pod.state is not None
    assert (pod.state.phase, pod.state.restart_at) == (P.SUCCEEDED, 0)
    assert is_finished(pod.state)
    assert pod.decided(StartPod()) == Decision()
    assert pod.decided(RestartPod()).events[1:] == (rerun(ONCE, count=1),)


def test_nothing_is_asked_of_a_pod_that_never_was() -> None:
    outcome = subject().entity.decide(None, StartPod(), None)  # type: ignore[arg-type]  # not looked at
    assert isinstance(outcome, Rejection)
    assert outcome.code is Code.NOT_FOUND
    with pytest.raises(ValueError, match="begins with PodDeleted"):
        evolve(None, "pod/1-0", PodDeleted(run=1))


def effects(*given: PodCommand, spec: PodSpec = ONE, owner: str = "job/1", when: PodCommand) -> list[object]:
    pod = subject(spec, owner=owner)
    for command in given:
        pod.decided(command, now=NOW)
    pod.effects.clear()
    pod.decided(when, now=NOW)
    return pod.effects


def report(phase: PodPhase, goal: Goal = Goal.RUNNING, run: int = 1, count: int = 0) -> Send:
    told = ReportPod(instance=0, run=run, phase=phase, goal=goal, config=1, failure_count=count)
    return Send("job/1", told)


STOP = StopRun(run=1, host="h", grace_s=30)
LAUNCH = LaunchRun(run=1, host="h", spec=ONE, ports=())
OBSERVE = ObserveRun(run=1, host="h", spec=ONE, ports=())
TIMER = ArmTimer("restart", TOO_LATE, BeginNextRun(run=1))


def test_effects_follow_events() -> None:
    assert subject().effects == [RequestPlacement(run=1)]
    assert subject(goal=Goal.KILLED).effects == []
    assert effects(when=PLACE) == [LAUNCH]
    assert effects(PLACE, LAUNCHED, when=STARTED) == [report(P.RUNNING)]
    assert effects(*UP, when=StopPod()) == [STOP, report(P.KILLING, Goal.KILLED)]
    assert effects(PLACE, when=StopPod()) == [STOP]
    forget = ForgetRun(run=1, host="h")
    assert effects(*UP, StopPod(), when=END) == [forget, report(P.KILLED, Goal.KILLED)]
    assert effects(*UP, exit_of(), when=END) == [forget, TIMER, report(P.SUCCEEDED, count=1)]
    assert effects(*UP, exit_of(), owner="", when=END) == [forget, TIMER]
    assert effects(StopPod(), when=StartPod()) == [
        report(P.KILLED),
        RequestPlacement(run=2),
        report(P.INITIALIZED, run=2),
    ]
    assert effects(*UP, DeletePod(), when=END)[2:] == [ForgetPod(host="h"), report(P.DELETED, Goal.DELETED)]


def test_outstanding_is_what_a_restart_must_do_again() -> None:
    cases: list[tuple[tuple[PodCommand, ...], tuple[object, ...]]] = [
        ((), (RequestPlacement(run=1),)),
        ((QueuePod(run=1, reason="full"),), (RequestPlacement(run=1),)),
        ((PLACE,), (LAUNCH,)),
        ((PLACE, StopPod()), (STOP,)),
        ((PLACE, LAUNCHED), (OBSERVE,)),
        (UP, (OBSERVE,)),
        ((*UP, StopPod()), (OBSERVE, STOP)),
        ((*UP, exit_of(), END), (TIMER,)),
        ((StopPod(),), ()),
        ((DeletePod(),), ()),
    ]
    for given, then in cases:
        pod = subject()
        for command in given:
            pod.decided(command, now=NOW)
        assert pod.state is not None
        assert ENTITY.outstanding(pod.state) == then, given
