"""A task against a model that knows its phase, with a dispatcher that is late and repeats itself."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from actors.kernel.decider import Code, Decision, Rejection
from actors.task import ENTITY, TRANSITIONS, TaskState
from actors.task.commands import (
    AssignTask,
    CancelTask,
    DeleteTask,
    FailTask,
    NewTask,
    ReleaseTask,
    StartTask,
    SubmitTasks,
    SucceedTask,
    TaskCommand,
    TaskGroup,
)
from actors.task.state import STEADY
from events.attachment import Attachment
from events.task import FailureKind, TaskPhase
from tests.actors.subject import Subject

P = TaskPhase
WORKER, OTHER = "worker/w", "worker/other"
PROGRAM, ARGUMENTS = Attachment("test.program", 1, b"run"), Attachment("test.arguments", 1, b"x")
KEEP_US, NOW = 5_000_000, 1_000_000


def group(*ids: str, worker: str = WORKER) -> TaskGroup:
    tasks = tuple(NewTask(id=id, arguments=ARGUMENTS) for id in ids)  # noqa: A001 - the name of the thing
    return TaskGroup(
        worker=worker, limit_us=60_000_000, keep_us=KEEP_US, estimate_us=7, program=PROGRAM, tasks=tasks
    )


def subject() -> Subject[TaskState]:
    return Subject(ENTITY, "task/1", lambda state: state.phase, TRANSITIONS, STEADY)


def queued() -> Subject[TaskState]:
    """Return a task that was just made."""
    task = subject()
    task.decided(SubmitTasks(groups=(group("1"),)))
    return task


class TaskMachine(RuleBasedStateMachine):
    """Random wishes and tellings."""

    taken: set[tuple[object, str, object]] = set()  # noqa: RUF012 - shared by all runs on purpose

    @initialize()
    def submit(self) -> None:
        self.task = queued()
        self.phase = P.QUEUED
        self.now = NOW

    @property
    def state(self) -> TaskState:
        assert self.task.state is not None
        return self.task.state

    def told(self, command: TaskCommand, fits: tuple[TaskPhase, ...], after: TaskPhase) -> None:
        """What fits is taken, once; what does not is refused and changes nothing."""
        before = self.state
        outcome = self.task.ask(command, now=self.now)
        if self.phase in fits:
            assert isinstance(outcome, Decision)
            self.phase = after
        else:
            assert isinstance(outcome, Rejection)
            assert outcome.code is Code.WRONG_STATE
            assert self.state is before

    @rule()
    def cancel(self) -> None:
        """A wish to cancel never fails, and only a queued task changes by it."""
        outcome = self.task.decided(CancelTask(), now=self.now)
        assert bool(outcome.events) == (self.phase is P.QUEUED)
        if self.phase is P.QUEUED:
            self.phase = P.CANCELLED
        assert self.task.decided(CancelTask(), now=self.now) == Decision()

    @rule()
    def assign(self) -> None:
        self.told(AssignTask(worker=WORKER), (P.QUEUED,), P.ASSIGNED)

    @rule()
    def start(self) -> None:
        self.told(StartTask(worker=WORKER), (P.QUEUED, P.ASSIGNED), P.RUNNING)

    @rule(held_us=st.sampled_from([None, 3]))
    def release(self, held_us: int | None) -> None:
        self.told(ReleaseTask(worker=WORKER, held_us=held_us), (P.RUNNING,), P.POST_PROCESSING)

    @rule(held_us=st.sampled_from([None, 3]))
    def succeed(self, held_us: int | None) -> None:
        command = SucceedTask(worker=WORKER, result=b"r", held_us=held_us)
        self.told(command, (P.RUNNING, P.POST_PROCESSING), P.SUCCEEDED)

    @rule(kind=st.sampled_from(FailureKind))
    def fail(self, kind: FailureKind) -> None:
        command = FailTask(worker=WORKER, kind=kind, message="no")
        self.told(command, (P.ASSIGNED, P.RUNNING, P.POST_PROCESSING), P.FAILED)

    @rule()
    def tell_of_another_worker(self) -> None:
        before = self.state
        for command in (
            StartTask(worker=OTHER),
            ReleaseTask(worker=OTHER),
            SucceedTask(worker=OTHER, result=b""),
            FailTask(worker=OTHER, kind=FailureKind.USER, message=""),
        ):
            assert isinstance(self.task.ask(command, now=self.now), Rejection)
        assert self.state is before

    @rule(later_us=st.sampled_from([1, KEEP_US]))
    def delete(self, later_us: int) -> None:
        self.now += later_us
        outcome = self.task.decided(DeleteTask(), now=self.now)
        is_over = self.phase.is_terminal and self.phase is not P.DELETED
        is_due = is_over and self.now >= self.state.ended_at + KEEP_US
        assert bool(outcome.events) == is_due
        if is_due:
            self.phase = P.DELETED

    @invariant()
    def keeps_the_laws(self) -> None:
        if not hasattr(self, "task"):
            return
        self.task.check_fold()
        assert self.state.phase is self.phase
        assert (self.state.ended_at > 0) == self.phase.is_terminal
        assert (self.state.kind is not None) <= (self.phase in (P.FAILED, P.DELETED))
        assert len(ENTITY.outstanding(self.state)) == (self.phase.is_terminal and self.phase is not P.DELETED)

    def teardown(self) -> None:
        if hasattr(self, "task"):
            TaskMachine.taken |= self.task.edges
