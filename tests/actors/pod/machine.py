"""A pod against a ten-line model, with an engine that answers late, twice and out of order."""

from collections.abc import Iterator

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.kernel.decider import Code, Decision, Rejection
from actors.pod import ENTITY, TRANSITIONS, PodState
from actors.pod.commands import (
    BeginNextRun,
    DeletePod,
    LaunchRun,
    PlacePod,
    PodCommand,
    QueuePod,
    ReconfigurePod,
    RecordContainerExited,
    RecordContainerStarted,
    RecordLaunched,
    RecordRunEnded,
    RestartPod,
    StartPod,
    StopPod,
    StopRun,
)
from actors.pod.state import LIVE, STEADY, UNPLACED
from events.goal import Goal
from events.pod import ContainerSpec, PodCreated, PodPhase, PodSpec, Restart
from tests.actors.subject import Subject

ONE = PodSpec(containers=(ContainerSpec(name="main", command=("true",)),))
TWO = PodSpec(
    containers=(ContainerSpec(name="a", command=("true",)), ContainerSpec(name="b", command=("true",))),
    init_containers=(ContainerSpec(name="init", command=("true",)),),
)
ONCE = PodSpec(containers=ONE.containers, restart=Restart.NEVER)


def subject(spec: PodSpec = ONE, *, goal: Goal = Goal.RUNNING, owner: str = "job/1") -> Subject[PodState]:
    """Return a pod that was just created."""
    pod = Subject(ENTITY, "pod/1-0", lambda state: state.phase, TRANSITIONS, STEADY)
    pod.apply([PodCreated(owner=owner, instance=0, config=1, spec=spec, goal=goal, name="job")])
    return pod


def story_of(run: int, spec: PodSpec) -> Iterator[PodCommand]:
    """Yield what an engine tells of a run that starts well."""
    yield RecordLaunched(run=run)
    for container in (*spec.init_containers, *spec.containers):
        yield RecordContainerStarted(run=run, container=container.name, process=7, at=1)
        if container in spec.init_containers:
            yield RecordContainerExited(run=run, container=container.name, exit_code=0, at=2)


class PodMachine(RuleBasedStateMachine):
    """Random wishes and reports; then the engine settles and the pod must be at its goal."""

    taken: set[tuple[object, str, object]] = set()  # noqa: RUF012 - shared by all runs on purpose

    @initialize(spec=st.sampled_from([ONE, TWO, ONCE]), goal=st.sampled_from([Goal.RUNNING, Goal.KILLED]))
    def create(self, spec: PodSpec, goal: Goal) -> None:
        self.pod = subject(spec, goal=goal)
        self.goal = goal  # the model: what was wished last
        self.run = self.desired_run = 1
        self.untold: list[PodCommand] = []
        self.stopped: set[int] = set()
        self.seen = 0

    @property
    def state(self) -> PodState:
        assert self.pod.state is not None
        return self.pod.state

    def ask(self, command: PodCommand) -> Decision | Rejection:
        before = self.state
        outcome = self.pod.ask(command, now=1_000_000)
        if isinstance(outcome, Rejection):
            assert self.state is before
        self.check_count(before)
        return outcome

    def check_count(self, before: PodState) -> None:
        """Failures add up, whoever asks for runs; a run of another configuration forgets them."""
        state = self.state
        if state.run != before.run and state.config != before.config:
            assert state.failure_count == 0
        else:
            assert state.failure_count - before.failure_count in (0, 1)

    def wish(self, command: PodCommand, goal: Goal) -> None:
        outcome = self.ask(command)
        if self.state.phase is PodPhase.DELETED and isinstance(outcome, Rejection):
            assert outcome.code is Code.NOT_FOUND
        elif self.goal is Goal.DELETED and not isinstance(command, DeletePod):
            assert isinstance(outcome, Rejection)
            assert outcome.code is Code.BEING_DELETED
        else:
            assert isinstance(outcome, Decision)
            self.goal = goal

    def again(self, command: PodCommand) -> None:
        """A wish that holds already is granted without an event."""
        outcome = self.ask(command)
        assert isinstance(outcome, Rejection) or outcome == Decision()

    @rule()
    def start(self) -> None:
        self.wish(StartPod(), Goal.RUNNING)
        self.again(StartPod())

    @rule()
    def stop(self) -> None:
        self.wish(StopPod(), Goal.KILLED)
        self.again(StopPod())

    @rule()
    def restart(self) -> None:
        self.wish(RestartPod(), Goal.RUNNING)
        if self.state.phase in LIVE:
            self.again(RestartPod())

    @rule()
    @precondition(lambda self: len(self.pod.events) > 12)
    def delete(self) -> None:
        self.wish(DeletePod(), Goal.DELETED)
        self.again(DeletePod())

    @rule(config=st.integers(2, 4), restart=st.booleans(), goal=st.sampled_from([None, *Goal]))
    def reconfigure(self, config: int, restart: bool, goal: Goal | None) -> None:  # noqa: FBT001
        spec = [ONE, TWO, ONCE][config - 2]
        if goal is not Goal.DELETED:
            command = ReconfigurePod(config=config, spec=spec, restart=restart, goal=goal)
            self.wish(command, goal or self.goal)
            self.again(command)

    @rule(back=st.integers(0, 2))
    def place(self, back: int) -> None:
        fits = self.state.phase in UNPLACED and back == 0
        command = PlacePod(run=self.state.run - back, host=f"h{back}")
        outcome = self.ask(command)
        assert isinstance(outcome, Decision) or not fits
        if fits:
            self.again(command)

    @rule(back=st.integers(0, 1), reason=st.sampled_from(["full", "fuller"]))
    def queue(self, back: int, reason: str) -> None:
        self.ask(QueuePod(run=self.state.run - back, reason=reason))
        self.again(QueuePod(run=self.state.run - back, reason=reason))

    @rule()
    def begin(self) -> None:
        self.ask(BeginNextRun(run=self.state.run))
        self.again(BeginNextRun(run=self.state.run - 1))

    @rule(index=st.integers(0, 30), keep=st.booleans())
    @precondition(lambda self: self.untold)
    def tell(self, index: int, keep: bool) -> None:  # noqa: FBT001
        report = self.untold[index % len(self.untold)]
        self.ask(report)
        self.again(report)
        if not keep or isinstance(report, RecordLaunched):
            self.untold.remove(report)

    @rule(other=st.sampled_from([-1, 1]))
    def tell_of_another_run(self, other: int) -> None:
        """The pod does nothing about a run that is not the current one."""
        run = self.state.run + other
        for report in (*story_of(run, self.state.spec), RecordRunEnded(run=run), BeginNextRun(run=run)):
            self.again(report)

    @rule(code=st.sampled_from([0, 3]), lost=st.booleans(), short=st.booleans())
    @precondition(lambda self: self.state.phase in LIVE)
    def end_by_itself(self, code: int, lost: bool, short: bool) -> None:  # noqa: FBT001
        for container in self.state.spec.containers if not short else ():
            name = container.name
            self.untold.append(
                RecordContainerExited(run=self.state.run, container=name, exit_code=code, at=3)
            )
        self.untold.append(RecordRunEnded(run=self.state.run, is_lost=lost))

    @rule()
    def launch_well(self) -> None:
        """The placer and the engine do all that they should, at once and in order."""
        if self.state.phase in UNPLACED:
            self.ask(PlacePod(run=self.state.run, host="h"))
        self.listen()
        while self.untold:
            self.ask(self.untold.pop(0))

    def listen(self) -> None:
        """Let the engine take what the pod asked of it."""
        for effect in self.pod.effects[self.seen :]:
            match effect:
                case LaunchRun() if effect.run not in self.stopped:
                    self.untold += story_of(effect.run, effect.spec)
                case StopRun():
                    self.stopped.add(effect.run)
                    self.untold.append(RecordRunEnded(run=effect.run))
                case _:
                    pass
        self.seen = len(self.pod.effects)

    @invariant()
    def keeps_the_laws(self) -> None:
        if not hasattr(self, "pod"):
            return
        self.listen()
        self.pod.check_fold()
        state = self.state
        assert state.goal is self.goal
        assert state.run >= self.run
        assert state.desired_run >= max(self.desired_run, state.run)
        assert state.desired_run <= state.run + 1
        if state.phase in LIVE and not state.is_wanted:
            assert state.stop_reason is not None
        if state.phase in UNPLACED:
            assert state.is_wanted
        self.run, self.desired_run = state.run, state.desired_run

    def teardown(self) -> None:
        if not hasattr(self, "pod"):
            return
        for _ in range(6):
            self.listen()
            while self.untold:
                self.ask(self.untold.pop(0))
                self.listen()
            if self.state.phase in UNPLACED:
                self.ask(PlacePod(run=self.state.run, host="h"))
            if self.state.restart_at:
                self.ask(BeginNextRun(run=self.state.run))
        match self.goal:
            case Goal.RUNNING:
                is_once = self.state.spec.restart is Restart.NEVER and self.state.phase.is_terminal
                assert is_once or self.state.phase is PodPhase.RUNNING
            case Goal.KILLED:
                assert self.state.phase.is_terminal
            case Goal.DELETED:
                assert self.state.phase is PodPhase.DELETED
        self.keeps_the_laws()
        PodMachine.taken |= self.pod.edges
