"""What is known of a job, as a fold of the job's own events.

1. A view is frozen; a fold answers a new one. Views are shared between readers.
2. One view is the fold of one stream: counts are of what the pods reported to the job.
3. Times are microseconds since the epoch, UTC; 0 means not yet.
4. Workflows are folded in `workflows.py`.
5. A pod that reported to be deleted is forgotten; one created again reports again.
"""

from typing import NamedTuple, assert_never, cast

from immutables import Map

from events.frozen import EMPTY, frozen, replace
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
    WorkflowPhaseChanged,
    WorkflowPlanned,
    WorkflowStarted,
    WorkflowTouched,
    WorkflowTurnedBack,
)
from events.pod import PodPhase
from events.ranges import numbers
from events.receipt import CommandReceived
from events.record import Recorded, id_of
from projections.stamp import OutOfPlace, stamp
from projections.workflows import (
    KEPT_WORKFLOWS,
    WorkflowChange,
    WorkflowMove,
    WorkflowView,
    moved,
    started,
)

__all__ = [
    "ENDED",
    "KEPT_WORKFLOWS",
    "JobName",
    "JobView",
    "PodReport",
    "WorkflowChange",
    "WorkflowView",
    "fold",
]

ENDED = frozenset({JobPhase.SUCCEEDED, JobPhase.FAILED, JobPhase.KILLED, JobPhase.DELETED})
"""Phases in which no pod of the job is at work."""


class JobName(NamedTuple):
    """A name that a job has, or had before it got another."""

    name: str
    created_at: int
    """When the job was created."""
    job: str
    """Its id."""


@frozen
class PodReport:
    """What a pod last reported, or how it was made."""

    run: int
    """0 when it has reported nothing yet."""
    phase: PodPhase
    config: int


@frozen
class JobView:
    """A job as it is now, or was at a revision."""

    id: str
    spec: JobSpec
    config: int
    """Number of the configuration that `spec` is."""
    goal_version: int
    workflow_version: int
    goal: Goal
    phase: JobPhase
    reports: Map[int, PodReport]
    """By instance: all pods that there are."""
    counts: Map[tuple[int, PodPhase], int]
    """Pods by configuration and phase, as they told the job, none of them 0."""
    workflows: tuple[WorkflowView, ...]
    """Oldest first; the last is the current one, or the last there was."""
    created_at: int = 0
    created_by: str = ""
    ended_at: int = 0
    """When the phase last became succeeded, failed or killed; 0 while it is another."""
    change: int = 0
    """How many events this view has seen."""
    revision: int = 0
    """Revision of the last of them."""
    changed_at: int = 0
    changed_by: str = ""

    @property
    def configs(self) -> frozenset[int]:
        """Numbers of the configurations that are kept: those that the kept workflows brought."""
        kept = frozenset(config for workflow in self.workflows for config in workflow.configs)
        return kept | {self.config}

    @property
    def version(self) -> str:
        """The text that a client hands back to change the job."""
        return f"{self.config}-{self.goal_version}-{self.workflow_version}"


def fold(view: JobView | None, recorded: Recorded) -> JobView | None:
    """Return the job after an event; the same object when the event changes nothing that is seen."""
    event = cast("JobEvent | CommandReceived", recorded.event)
    if isinstance(event, JobCreated):
        return _created(event, recorded)
    if isinstance(event, CommandReceived):
        return view
    if view is None:
        raise OutOfPlace(recorded)
    seen, at = stamp(view.change, recorded), recorded.envelope.at
    match event:
        case JobPodReported():
            reports, counts = _reported(view, event)
            return replace(view, reports=reports, counts=counts, **seen)
        case WorkflowStarted():
            return replace(
                view,
                spec=event.spec or view.spec,
                config=max(view.config, event.config),
                workflow_version=view.workflow_version + int(bool(view.workflows)),
                workflows=started(view.workflows, event, at),
                **seen,
            )
        case WorkflowPlanned() | WorkflowInstanceEnded() | WorkflowPhaseChanged():
            return replace(view, workflows=_moved(view, event, recorded), **seen)
        case WorkflowAdvanced():
            reports, counts = _made(view, event)
            return replace(
                view, workflows=_moved(view, event, recorded), reports=reports, counts=counts, **seen
            )
        case WorkflowTouched():
            workflows, touched = _moved(view, event, recorded), view.workflow_version + 1
            return replace(view, workflows=workflows, workflow_version=touched, **seen)
        case WorkflowTurnedBack():
            workflows = _moved(view, event, recorded)
            return replace(view, workflows=workflows, spec=event.spec, config=event.config, **seen)
        case JobGoalChanged():
            counted = view.goal_version + int(event.is_counted)
            return replace(view, goal=event.goal, goal_version=counted, **seen)
        case JobPhaseChanged():
            return replace(view, phase=event.phase, ended_at=at if event.phase in ENDED else 0, **seen)
        case JobPodStartRequested():
            return replace(view, **seen)
        case JobDeleted():
            return replace(view, phase=JobPhase.DELETED, goal=Goal.DELETED, **seen)
        case _:
            assert_never(event)


def _created(event: JobCreated, recorded: Recorded) -> JobView:
    envelope = recorded.envelope
    at = envelope.at
    view = JobView(  # the stamp as words takes half the time
        id=id_of(recorded.stream),
        spec=event.spec,
        config=1,
        goal_version=1,
        workflow_version=1,
        goal=Goal.RUNNING,
        phase=JobPhase.PENDING,
        reports=EMPTY,
        counts=EMPTY,
        workflows=() if event.workflow is None else started((), event.workflow, at),
        created_at=at,
        created_by=envelope.principal,
        change=1,
        revision=recorded.revision,
        changed_at=at,
        changed_by=envelope.principal,
    )
    if event.advanced is None:
        return view
    reports, counts = _made(view, event.advanced)
    workflows = _moved(view, event.advanced, recorded)
    return replace(view, workflows=workflows, reports=reports, counts=counts)


def _moved(view: JobView, event: WorkflowMove, recorded: Recorded) -> tuple[WorkflowView, ...]:
    """Return the workflows with what happened to the last of them."""
    if not view.workflows:
        raise OutOfPlace(recorded)
    *before, current = view.workflows
    return (*before, moved(current, event, recorded.envelope.at))


def _made(
    view: JobView, event: WorkflowAdvanced
) -> tuple[Map[int, PodReport], Map[tuple[int, PodPhase], int]]:
    """Return reports and counts with the pods that are made for the instances taken."""
    phase = PodPhase.INITIALIZED if view.goal is Goal.RUNNING else PodPhase.KILLED
    report = PodReport(run=0, phase=phase, config=view.config)
    instances = numbers((event.instances, *event.more))
    fresh = [each for each in instances if each not in view.reports and each < view.spec.instance_count]
    if not fresh:
        return view.reports, view.counts
    place = (view.config, phase)
    counts = view.counts.set(place, view.counts.get(place, 0) + len(fresh))
    return view.reports.update(dict.fromkeys(fresh, report)), counts


def _reported(
    view: JobView, event: JobPodReported
) -> tuple[Map[int, PodReport], Map[tuple[int, PodPhase], int]]:
    """Return reports and counts with what a pod told in place of what it had told before."""
    counts = view.counts
    last = view.reports.get(event.instance)
    if last is not None:
        left = counts[(last.config, last.phase)] - 1
        place = (last.config, last.phase)
        counts = counts.set(place, left) if left else counts.delete(place)
    if event.phase is PodPhase.DELETED:
        return view.reports if last is None else view.reports.delete(event.instance), counts
    report = PodReport(run=event.run, phase=event.phase, config=event.config)
    place = (event.config, event.phase)
    return view.reports.set(event.instance, report), counts.set(place, counts.get(place, 0) + 1)
