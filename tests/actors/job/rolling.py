"""Words for stories of workflows: wishes, and what pods then report."""

from actors.job import JobState
from actors.job.commands import (
    ReplaceJob,
    ReportPod,
)
from actors.kernel.decider import Decision
from actors.pod.commands import ReconfigurePod
from events.frozen import replace
from events.goal import Goal
from events.job import (
    JobSpec,
    WorkflowKind,
    WorkflowOptions,
    WorkflowStarted,
)
from events.pod import PodPhase, PodSpec
from tests.actors.job.test_decider import state_of
from tests.actors.pod.machine import TWO
from tests.actors.subject import Subject

P = PodPhase


def spec(count: int, pod: PodSpec = TWO, **own: PodSpec) -> JobSpec:
    instances = tuple((int(name[1:]), each) for name, each in own.items())
    return JobSpec(name="web", instance_count=count, default=pod, instances=instances)


def become(subject: Subject[JobState], wanted: JobSpec, *, opaque: str = "", **options: object) -> Decision:
    command = ReplaceJob(
        expected_version=state_of(subject).version,
        spec=wanted,
        options=WorkflowOptions(**options),  # type: ignore[arg-type] # any
        opaque=opaque,
    )
    return subject.decided(command)


def told(instance: int, phase: PodPhase, config: int, **fields: object) -> ReportPod:
    """A report of run 2 or later, of a configuration."""
    base = ReportPod(instance=instance, run=2, phase=phase, goal=Goal.RUNNING, config=config)
    return replace(base, **fields)  # type: ignore[arg-type] # fields of any type


def arrive(subject: Subject[JobState], *instances: int) -> None:
    config = state_of(subject).config
    for each in instances:
        subject.decided(told(each, P.RUNNING, config))


def move(subject: Subject[JobState], spec_: PodSpec, **fields: object) -> ReconfigurePod:
    base = ReconfigurePod(config=state_of(subject).config, spec=spec_, restart=True)
    return replace(base, **fields)  # type: ignore[arg-type] # fields of any type


def started(config: int, spec_: JobSpec | None, kind: WorkflowKind = WorkflowKind.UPDATE) -> WorkflowStarted:
    return WorkflowStarted(
        kind=kind, config=config, previous_config=config - 1, options=WorkflowOptions(), spec=spec_
    )
