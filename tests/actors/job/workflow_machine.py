"""A job whose workflows are started, paused, resumed and given up at random, with its pods."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.job.commands import (
    AbortWorkflow,
    JobAccepted,
    PauseWorkflow,
    ReplaceJob,
    RestartJob,
    ResumeWorkflow,
    StartJob,
    StartJobPod,
    StopJob,
    WorkflowCommand,
)
from actors.job.difference import runs_alike, surely_specs_of
from actors.job.phases import derive
from actors.job.state import Workflow
from actors.kernel.decider import Code, Decision, Rejection
from actors.pod import PodState
from actors.pod.commands import RestartPod, StartPod, StopPod
from events.frozen import replace
from events.goal import Goal
from events.job import (
    JobCreated,
    JobSpec,
    WorkflowKind,
    WorkflowOptions,
    WorkflowPhase,
    WorkflowStarted,
    WorkflowTurnedBack,
)
from events.pod import PodPhase
from events.ranges import numbers, size
from events.record import Envelope, Recorded
from projections import jobs
from projections.jobs import JobView
from tests.actors.job.machine import JOB, check_phase, creation
from tests.actors.pod.machine import ONE, TWO
from tests.actors.world import World

RENAMED = replace(ONE, containers=(replace(ONE.containers[0], name="other"),))
SPECS = {"one": ONE, "two": TWO, "renamed": RENAMED}
OPTIONS = st.builds(
    WorkflowOptions,
    batch_size=st.integers(0, 2),
    max_instance_retries=st.integers(0, 2),
    max_tolerable_failures=st.integers(0, 2),
    start_paused=st.sampled_from([False, False, True]),
    roll_back_on_failure=st.booleans(),
    start_pods=st.sampled_from([False, False, True]),
)


def view_of(events: list[object]) -> JobView:
    """Fold a job's events as projections do."""
    view: JobView | None = None
    for number, event in enumerate(events, start=1):
        recorded = Recorded(number, JOB, number, event, Envelope(at=number), is_last=True)
        view = jobs.fold(view, recorded)
    assert view is not None
    return view


def waiting_of(workflow: Workflow) -> int:
    waiting = workflow.waiting
    return size(waiting.adding) + len(waiting.returning) + len(waiting.updating) + size(waiting.removing)


class WorkflowMachine(RuleBasedStateMachine):
    """Random workflows between random deliveries; at rest the pods are what the last one wanted."""

    taken: set[tuple[object, str, object]] = set()  # noqa: RUF012 - shared by all runs on purpose

    @initialize(count=st.integers(0, 4), options=OPTIONS)
    def create(self, count: int, options: WorkflowOptions) -> None:
        self.world = World()
        plain = replace(options, roll_back_on_failure=False, start_pods=False)
        self.world.ask(JOB, replace(creation(count), options=plain))
        self.workflows, self.config, self.touched = 1, 1, 1  # the model

    @property
    def version(self) -> str:
        return self.world.job().version

    def wish(self, command: WorkflowCommand) -> Decision | None:
        before = self.world.job()
        outcome = self.world.ask(JOB, command)
        if isinstance(outcome, Rejection):
            assert outcome.code in (Code.INVALID, Code.WRONG_STATE)
            assert self.world.job() is before
            return None
        after = self.world.job()
        assert outcome.result == JobAccepted(job="1", version=after.version)
        return outcome

    def begun(self, outcome: Decision | None) -> None:
        """Count a workflow, unless it was refused or there already."""
        after = self.world.job()
        assert after.workflow is not None
        if outcome is not None and after.workflow.ordinal > self.workflows:
            self.workflows += 1
            self.touched += 1
            self.config += 1 + sum(type(each).__name__ == "WorkflowTurnedBack" for each in outcome.events)
        elif outcome is not None and outcome.events:
            self.touched += 1

    @rule(
        count=st.integers(0, 4),
        specs=st.lists(st.sampled_from(list(SPECS)), min_size=1, max_size=4),
        options=OPTIONS,
    )
    def become(self, count: int, specs: list[str], options: WorkflowOptions) -> None:
        own = tuple((number, SPECS[each]) for number, each in enumerate(specs[1:]) if number < count)
        spec = JobSpec(name="web", instance_count=count, default=SPECS[specs[0]], instances=own)
        command = ReplaceJob(expected_version=self.version, spec=spec, options=options)
        self.begun(self.wish(command))
        workflow = self.world.job().workflow
        assert workflow is not None
        # A restart under way refuses the wish; only an update that rolls knows it as its own.
        is_update = workflow.kind is WorkflowKind.UPDATE
        if is_update and workflow.phase is WorkflowPhase.ROLLING_FORWARD and workflow.options == options:
            assert self.wish(replace(command, expected_version=self.version)) is not None
            assert self.world.job().workflow == workflow

    @rule(instances=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=2), options=OPTIONS)
    def restart(self, instances: list[tuple[int, int]], options: WorkflowOptions) -> None:
        ranges = tuple(instances)
        self.begun(self.wish(RestartJob(expected_version=self.version, instances=ranges, options=options)))

    @rule(kind=st.sampled_from([PauseWorkflow, ResumeWorkflow, ResumeWorkflow, AbortWorkflow]))
    def touch(self, kind: type[PauseWorkflow | ResumeWorkflow | AbortWorkflow]) -> None:
        outcome = self.wish(kind(expected_version=self.version))
        assert outcome is not None
        self.touched += 1
        self.config += sum(type(each).__name__ == "WorkflowTurnedBack" for each in outcome.events)

    @rule(kind=st.sampled_from([StartJob, StopJob]))
    def set_goal(self, kind: type[StartJob | StopJob]) -> None:
        self.world.ask(JOB, kind(expected_version=self.version))

    @rule(instance=st.integers(0, 3), kind=st.sampled_from([StopPod, RestartPod, StartPod]))
    def tend(self, instance: int, kind: type[StopPod | RestartPod | StartPod]) -> None:
        if instance in self.world.job().pods:
            self.world.ask(f"pod/1-{instance}", kind())

    @rule(instance=st.integers(0, 3))
    def start_pod(self, instance: int) -> None:
        """A start is granted of a pod that is there to stay, and of no other, as the pod itself would."""
        outcome = self.world.ask(JOB, StartJobPod(instance=instance))
        if isinstance(outcome, Decision):
            pod = self.world.subject(f"pod/1-{instance}").state
            assert isinstance(pod, PodState)
            assert pod.goal is not Goal.DELETED or pod.phase is PodPhase.DELETED  # which is made again

    @rule(choices=st.lists(st.integers(0, 20), min_size=1, max_size=40))
    def deliver(self, choices: list[int]) -> None:
        for choice in choices:
            self.world.step(choice)

    @rule()
    def settle(self) -> None:
        self.world.drain()

    @rule(instance=st.integers(0, 3), code=st.sampled_from([0, 1]), again=st.integers(1, 3))
    @precondition(lambda self: len(self.world.subject(JOB).events) > 5)
    def crash(self, instance: int, code: int, again: int) -> None:
        for _ in range(again):
            self.world.crash(f"pod/1-{instance}", code)

    @invariant()
    def keeps_the_laws(self) -> None:
        if not hasattr(self, "world"):
            return
        subject, state = self.world.subject(JOB), self.world.job()
        subject.check_fold()
        check_phase(self.world)
        for phase in PodPhase:
            assert state.count(phase) == sum(each.phase is phase for each in state.pods.values())
        workflow = state.workflow
        assert workflow is not None
        assert workflow.ordinal == self.workflows
        assert state.workflow_count == self.touched
        assert state.config >= self.config
        if workflow.options.batch_size:
            assert len(workflow.in_flight) <= workflow.options.batch_size
        if workflow.is_active and workflow.is_planned:
            gone = waiting_of(workflow) + len(workflow.in_flight)
            assert workflow.done + workflow.failed + gone == workflow.total
        assert set(workflow.waiting.urgent) <= set(workflow.waiting.updating)
        assert not set(state.gone) & set(state.pods)
        self.agrees_with_its_view()

    def agrees_with_its_view(self) -> None:
        """What projections know is what the job knows."""
        state, view = self.world.job(), view_of(self.world.subject(JOB).events)
        workflow, seen = state.workflow, view.workflows[-1]
        assert workflow is not None
        assert (view.version, view.spec, view.phase) == (state.version, state.spec, state.phase)
        assert (seen.ordinal, seen.kind, seen.phase) == (workflow.ordinal, workflow.kind, workflow.phase)
        assert seen.previous_phase is workflow.previous_phase
        assert (seen.config, seen.previous_config) == (workflow.config, workflow.previous_config)
        assert (seen.completed, seen.failed) == (workflow.done, workflow.failed)
        assert set(seen.in_flight) == set(workflow.in_flight)
        if workflow.is_planned:
            assert seen.total == workflow.total
            assert (
                set(seen.instance_changes) <= set(numbers((*seen.added, *seen.updated, *seen.removed)))
                or len(seen.configs) > 1
            )
        assert {each: it.phase for each, it in view.reports.items()} == {
            each: it.phase for each, it in state.pods.items()
        }
        assert sum(view.counts.values()) == len(state.pods)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.drain()
        self.world.ask(JOB, ResumeWorkflow(expected_version=self.version))
        self.touched += 1
        self.world.drain()
        self.keeps_the_laws()
        state = self.world.job()
        workflow = state.workflow
        assert workflow is not None
        assert not workflow.is_active
        assert state.phase is derive(state, state.phase)
        WorkflowMachine.taken |= self.world.subject(JOB).edges
        for each in self.world.entities.values():
            each.check_fold()
        for pod in self.world.pods():
            known = state.pods.get(pod.instance)
            if known is None:
                assert pod.phase is PodPhase.DELETED
                assert state.gone[pod.instance] == pod.run
            else:
                assert (known.run, known.phase, known.goal) == (pod.run, pod.phase, pod.goal)
                assert (known.config, known.desired_config) == (pod.config, pod.desired_config)
        if workflow.phase in (WorkflowPhase.SUCCEEDED, WorkflowPhase.ROLLED_BACK):
            if workflow.kind is WorkflowKind.UPDATE:
                assert set(state.pods) == set(range(state.spec.instance_count))
            for pod in self.world.pods():
                if pod.phase is not PodPhase.DELETED and workflow.kind is WorkflowKind.UPDATE:
                    assert pod.desired_config == state.config
                if pod.goal is Goal.RUNNING:
                    assert pod.phase is PodPhase.RUNNING
                    assert pod.config == pod.desired_config
        self.numbers_tell_the_truth()

    def numbers_tell_the_truth(self) -> None:
        """A pod runs what the configuration says whose number it has."""
        specs: dict[int, JobSpec] = {}
        for event in self.world.subject(JOB).events:
            match event:
                case JobCreated():
                    specs[1] = event.spec
                case WorkflowStarted():
                    specs[event.config] = event.spec or specs[max(specs)]
                case WorkflowTurnedBack():
                    specs[event.config] = event.spec
                case _:
                    pass
        for pod in self.world.pods():
            if pod.phase is not PodPhase.DELETED:
                assert runs_alike(pod.spec, surely_specs_of(specs[pod.config])(pod.instance))
                wanted = surely_specs_of(specs[pod.desired_config])(pod.instance)
                assert runs_alike(pod.desired_spec, wanted)
