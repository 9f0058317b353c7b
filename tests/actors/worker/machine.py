"""A worker against a model that knows its phase and its task."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from actors.kernel.decider import Decision, Rejection
from actors.worker import ENTITY, TRANSITIONS, WorkerState
from actors.worker.commands import (
    CallWorker,
    DrainWorker,
    FreeWorker,
    LoseWorker,
    ReadyWorker,
    RegisterWorker,
    TakeTask,
)
from actors.worker.state import STEADY
from events.pod import ContainerSpec, PodSpec
from events.worker import WorkerPhase, WorkerSpec
from tests.actors.subject import Subject

P = WorkerPhase
POD = PodSpec(containers=(ContainerSpec(name="main", command=("true",)),), survives_server=False)
BARE, PODDED = WorkerSpec(kind="test"), WorkerSpec(kind="test", pod=POD)
TASKS = ("task/1", "task/2")


def subject() -> Subject[WorkerState]:
    return Subject(ENTITY, "worker/w", lambda state: state.phase, TRANSITIONS, STEADY)


def registered(spec: WorkerSpec = BARE) -> Subject[WorkerState]:
    """Return a worker that was just registered."""
    worker = subject()
    worker.decided(RegisterWorker(name="w", spec=spec))
    return worker


class WorkerMachine(RuleBasedStateMachine):
    """Random registrations, tasks and losses."""

    taken: set[tuple[object, str, object]] = set()  # noqa: RUF012 - shared by all runs on purpose

    @initialize(spec=st.sampled_from([BARE, PODDED]))
    def register_first(self, spec: WorkerSpec) -> None:
        self.worker = registered(spec)
        self.spec, self.phase, self.task = spec, P.REGISTERED, ""

    @property
    def state(self) -> WorkerState:
        assert self.worker.state is not None
        return self.worker.state

    @rule(label=st.sampled_from(["", "a", "b"]))
    def register(self, label: str) -> None:
        spec = WorkerSpec(kind="test", labels=(("l", label),) if label else (), pod=self.spec.pod)
        outcome = self.worker.ask(RegisterWorker(name="w", spec=spec))
        if self.phase is P.DEAD or (self.phase is P.REGISTERED and spec != self.spec):
            assert isinstance(outcome, Decision)
            self.spec, self.phase = spec, P.REGISTERED
        elif spec == self.spec:
            assert outcome == Decision()
        else:
            assert isinstance(outcome, Rejection)

    @rule()
    def call(self) -> None:
        before = self.state.pod
        decision = self.worker.decided(CallWorker(name="w"))
        is_called = self.phase is P.REGISTERED and self.spec.pod is not None
        assert bool(decision.events) == is_called
        assert bool(decision.opens) == (is_called and not before)

    @rule()
    def ready(self) -> None:
        self.worker.decided(ReadyWorker())
        if self.phase is P.REGISTERED:
            self.phase = P.IDLE

    @rule(task=st.sampled_from(TASKS))
    def take(self, task: str) -> None:
        """It has one task at most."""
        outcome = self.worker.ask(TakeTask(task=task))
        assert isinstance(outcome, Decision) == (self.phase is P.IDLE)
        if self.phase is P.IDLE:
            self.phase, self.task = P.BUSY, task

    @rule(task=st.sampled_from(TASKS))
    def free(self, task: str) -> None:
        outcome = self.worker.ask(FreeWorker(task=task))
        assert isinstance(outcome, Decision) == (self.task == task)
        if self.task == task:
            self.phase, self.task = P.DEAD if self.phase is P.DRAINING else P.IDLE, ""

    @rule(task=st.sampled_from(["", *TASKS]), restart=st.booleans())
    def lose(self, task: str, restart: bool) -> None:  # noqa: FBT001
        """Whoever loses it says what it had."""
        outcome = self.worker.ask(LoseWorker(reason="gone", task=task, restart=restart))
        assert isinstance(outcome, Decision) == (self.task == task)
        if self.task == task and self.phase not in (P.REGISTERED, P.DEAD):
            self.phase, self.task = P.DEAD if self.phase is P.DRAINING else P.REGISTERED, ""

    @rule()
    def drain(self) -> None:
        self.worker.decided(DrainWorker())
        if self.phase is P.BUSY:
            self.phase = P.DRAINING
        elif self.phase is not P.DRAINING:
            self.phase = P.DEAD

    @invariant()
    def keeps_the_laws(self) -> None:
        if not hasattr(self, "worker"):
            return
        self.worker.check_fold()
        state = self.state
        assert (state.phase, state.task, state.spec) == (self.phase, self.task, self.spec)
        assert bool(state.task) == (state.phase in (P.BUSY, P.DRAINING))
        assert ENTITY.outstanding(state) == ()

    def teardown(self) -> None:
        if hasattr(self, "worker"):
            WorkerMachine.taken |= self.worker.edges
