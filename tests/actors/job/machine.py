"""A job with its pods and a perfect engine against a ten-line model."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.job import ENTITY
from actors.job.commands import CreateJob, DeleteJob, JobAccepted, StartJob, StartJobPod, StopJob
from actors.job.phases import derive
from actors.job.state import JobState
from actors.kernel.decider import Code, Decision, Rejection
from events.goal import Goal
from events.job import JobPhase, JobPhaseChanged, JobSpec, WorkflowOptions, WorkflowPhase
from events.pod import PodPhase
from tests.actors.pod.machine import ONE
from tests.actors.world import World

JOB = "job/1"


def creation(count: int, **options: int | bool) -> CreateJob:
    spec = JobSpec(name="web", instance_count=count, default=ONE)
    return CreateJob(job="1", spec=spec, options=WorkflowOptions(**options))  # type: ignore[arg-type]


def check_phase(world: World) -> None:
    """A job's phase is derived, but one that was started is pending until something happens to a pod."""
    state = world.job()
    derived = derive(state, state.phase)
    if state.phase is derived:
        return
    assert (state.phase, derived, state.goal) == (JobPhase.PENDING, JobPhase.KILLED, Goal.RUNNING)
    then: JobState | None = None
    since: JobState | None = None
    for event in world.subject(JOB).events:
        then = ENTITY.evolve(then, JOB, event)
        since = then if isinstance(event, JobPhaseChanged) else since
    assert since is not None
    assert since.counts == state.counts


class JobMachine(RuleBasedStateMachine):
    """Random wishes between random deliveries; at rest the job must be at its goal."""

    taken: set[tuple[object, str, object]] = set()  # noqa: RUF012 - shared by all runs on purpose

    @initialize(count=st.integers(0, 4), batch=st.integers(0, 2), limit=st.integers(0, 2))
    def create(self, count: int, batch: int, limit: int) -> None:
        self.world = World()
        command = creation(count, batch_size=batch, max_tolerable_failures=limit, max_instance_retries=1)
        outcome = self.world.ask(JOB, command)
        assert isinstance(outcome, Decision)
        assert outcome.result == JobAccepted(job="1", version="1-1-1")
        assert isinstance(self.world.ask(JOB, command), Rejection)
        self.count, self.batch = count, batch
        self.goal, self.goal_count = Goal.RUNNING, 1  # the model
        self.is_tended = False  # true when single pods were started

    def wish(self, command: StartJob | StopJob | DeleteJob, goal: Goal) -> None:
        state = self.world.job()
        outcome = self.world.ask(JOB, command)
        if state.phase is JobPhase.DELETED:
            assert isinstance(outcome, Rejection)
            assert outcome.code is Code.NOT_FOUND
        elif self.goal is Goal.DELETED and goal is not Goal.DELETED:
            assert isinstance(outcome, Rejection)
            assert outcome.code is Code.BEING_DELETED
        else:
            assert isinstance(outcome, Decision)
            self.goal, self.goal_count = goal, self.goal_count + 1
            assert outcome.result == JobAccepted(job="1", version=f"1-{self.goal_count}-1")
            assert goal is not Goal.RUNNING or self.world.job().phase is not JobPhase.KILLED

    @rule()
    def start(self) -> None:
        self.wish(StartJob(expected_version=self.world.job().version), Goal.RUNNING)

    @rule()
    def stop(self) -> None:
        self.wish(StopJob(expected_version=self.world.job().version), Goal.KILLED)

    @rule()
    @precondition(lambda self: len(self.world.subject(JOB).events) > 12)
    def delete(self) -> None:
        self.wish(DeleteJob(expected_version=self.world.job().version, force=True), Goal.DELETED)

    @rule(instance=st.integers(0, 4))
    def start_pod(self, instance: int) -> None:
        outcome = self.world.ask(JOB, StartJobPod(instance=instance))
        if isinstance(outcome, Decision):
            self.goal, self.is_tended = Goal.RUNNING, True
            assert self.world.job().phase is not JobPhase.KILLED

    @rule(version=st.sampled_from(["", "1-1", "0-0-0", "x"]))
    def name_an_old_version(self, version: str) -> None:
        before = self.world.job()
        outcome = self.world.ask(JOB, StopJob(expected_version=version))
        assert isinstance(outcome, Rejection)
        assert self.world.job() is before

    @rule(choices=st.lists(st.integers(0, 20), min_size=1, max_size=20))
    def deliver(self, choices: list[int]) -> None:
        for choice in choices:
            self.world.step(choice)

    @rule(instance=st.integers(0, 3), code=st.sampled_from([0, 1]))
    def crash(self, instance: int, code: int) -> None:
        self.world.crash(f"pod/1-{instance}", code)

    @invariant()
    def keeps_the_laws(self) -> None:
        if not hasattr(self, "world"):
            return
        subject, state = self.world.subject(JOB), self.world.job()
        subject.check_fold()
        assert state.goal is self.goal
        assert state.goal_count == self.goal_count
        if self.goal is not Goal.DELETED:
            check_phase(self.world)
        for phase in PodPhase:  # the counts are those of the reports
            assert state.count(phase) == sum(each.phase is phase for each in state.pods.values())
        assert state.workflow is not None
        if self.batch and self.goal is Goal.RUNNING and state.workflow.is_active:
            opened = len(state.pods)
            assert opened <= self.count
            assert len(state.workflow.in_flight) <= self.batch

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.drain()
        self.keeps_the_laws()
        state = self.world.job()
        assert self.goal is Goal.DELETED or state.phase is derive(state, state.phase)
        assert state.workflow is not None
        has_failed = state.workflow.phase is WorkflowPhase.FAILED
        if self.goal is Goal.DELETED:
            assert state.phase is JobPhase.DELETED
            assert all(each.phase is PodPhase.DELETED for each in self.world.pods())
        else:
            assert not state.workflow.is_active
            assert has_failed or len(state.pods) == self.count
            for pod in self.world.pods():  # at rest the job knows how its pods are
                known = state.pods[pod.instance]
                assert (known.run, known.phase, known.goal) == (pod.run, pod.phase, pod.goal)
        ends = {each.phase for each in state.pods.values()}
        if self.goal is Goal.RUNNING and state.pods and not self.is_tended and not has_failed:
            assert state.phase is JobPhase.RUNNING
            assert ends == {PodPhase.RUNNING}
        if self.goal is Goal.KILLED:
            assert all(phase.is_terminal for phase in ends)
            assert state.phase in (JobPhase.KILLED, JobPhase.FAILED, JobPhase.SUCCEEDED)
        for each in self.world.entities.values():
            each.check_fold()
        subject = self.world.subject(JOB)
        JobMachine.taken |= subject.edges
