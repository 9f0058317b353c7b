"""What is known of a job, as a fold of the job's own events.

1. A view is frozen; a fold answers a new one. Views are shared between readers.
2. One view is the fold of one stream: counts are of what the pods reported to the job.
3. Times are microseconds since the epoch, UTC; 0 means not yet.
4. A pod that reported to be deleted is forgotten; one created again reports again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never, cast

from immutables import Map

from events.frozen import replace
from events.goal import Goal
from events.job import (
    InstanceRange,
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
from events.pod import PodPhase
from events.receipt import CommandReceived
from events.record import Recorded, id_of
from projections.stamp import OutOfPlace, stamp

ENDED = frozenset({JobPhase.SUCCEEDED, JobPhase.FAILED, JobPhase.KILLED, JobPhase.DELETED})
"""Phases in which no pod of the job is at work."""

KEPT_WORKFLOWS = 10
"""Workflows of each kind that a view keeps, the current one included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowChange:
    """The workflow, or one instance in it, came to stand somewhere."""

    at: int
    phase: WorkflowPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowView:
    """One workflow of a job."""

    ordinal: int
    """From 1, in order of creation."""
    kind: WorkflowKind
    phase: WorkflowPhase
    previous_phase: WorkflowPhase | None
    """The phase to which a paused workflow returns."""
    config: int
    previous_config: int
    options: WorkflowOptions
    added: tuple[InstanceRange, ...]
    updated: tuple[InstanceRange, ...]
    removed: tuple[InstanceRange, ...]
    opaque: str
    total: int
    """Instances it is about."""
    completed: int = 0
    failed: int = 0
    in_flight: Map[int, bool] = Map()  # noqa: RUF009 - a persistent map cannot be changed
    """Instances taken and not ended, by number."""
    changes: tuple[WorkflowChange, ...] = ()
    """Oldest first."""
    created_at: int = 0
    updated_at: int = 0
    ended_at: int = 0

    @property
    def remaining(self) -> int:
        """Instances that have neither completed nor failed."""
        return self.total - self.completed - self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class PodReport:
    """What a pod last reported."""

    run: int
    phase: PodPhase
    config: int


@dataclass(frozen=True, slots=True, kw_only=True)
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
    """By instance; an instance without a report has just been created."""
    counts: Map[tuple[int, PodPhase], int]
    """Pods by configuration and phase, none of them 0."""
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
    def version(self) -> str:
        """The text that a client hands back to change the job."""
        return f"{self.config}-{self.goal_version}-{self.workflow_version}"


def fold(view: JobView | None, recorded: Recorded) -> JobView | None:
    """Return the job after an event; the same object when the event changes nothing that is seen."""
    event = cast("JobEvent | CommandReceived", recorded.event)
    if isinstance(event, CommandReceived):
        return view
    if isinstance(event, JobCreated):
        return _created(event, recorded)
    if view is None:
        raise OutOfPlace(recorded)
    seen, at = stamp(view.change, recorded), recorded.envelope.at
    match event:
        case JobPodReported():
            reports, counts = _reported(view, event)
            return replace(view, reports=reports, counts=counts, **seen)
        case WorkflowStarted():
            workflow = _started(event, ordinal=_next_ordinal(view), at=at)
            return replace(
                view,
                config=max(view.config, event.config),
                workflow_version=max(view.workflow_version, workflow.ordinal),
                workflows=_kept((*view.workflows, workflow)),
                **seen,
            )
        case WorkflowAdvanced() | WorkflowInstanceEnded() | WorkflowPhaseChanged():
            if not view.workflows:
                raise OutOfPlace(recorded)
            *before, current = view.workflows
            return replace(view, workflows=(*before, _moved(current, event, at)), **seen)
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
    return JobView(
        id=id_of(recorded.stream),
        spec=event.spec,
        config=1,
        goal_version=1,
        workflow_version=1,
        goal=Goal.RUNNING,
        phase=JobPhase.PENDING,
        reports=Map(),
        counts=Map(),
        workflows=(),
        created_at=recorded.envelope.at,
        created_by=recorded.envelope.principal,
        **stamp(0, recorded),
    )


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


# ---------------------------------------------------------------- workflows


def _next_ordinal(view: JobView) -> int:
    return view.workflows[-1].ordinal + 1 if view.workflows else 1


def _started(event: WorkflowStarted, *, ordinal: int, at: int) -> WorkflowView:
    phase = WorkflowPhase.PAUSED if event.options.start_paused else WorkflowPhase.INITIALIZED
    return WorkflowView(
        ordinal=ordinal,
        kind=event.kind,
        phase=phase,
        previous_phase=WorkflowPhase.INITIALIZED if event.options.start_paused else None,
        config=event.config,
        previous_config=event.previous_config,
        options=event.options,
        added=event.added,
        updated=event.updated,
        removed=event.removed,
        opaque=event.opaque,
        total=_size((*event.added, *event.updated, *event.removed)),
        changes=(WorkflowChange(at=at, phase=phase),),
        created_at=at,
        updated_at=at,
    )


def _size(ranges: Sequence[InstanceRange]) -> int:
    return sum(last - first + 1 for first, last in ranges)


def _kept(workflows: tuple[WorkflowView, ...]) -> tuple[WorkflowView, ...]:
    """Return the newest workflows of each kind, oldest first."""
    if len(workflows) <= KEPT_WORKFLOWS:
        return workflows
    ordinals = {
        workflow.ordinal
        for kind in WorkflowKind
        for workflow in [one for one in workflows if one.kind is kind][-KEPT_WORKFLOWS:]
    }
    return tuple(workflow for workflow in workflows if workflow.ordinal in ordinals)


def _moved(
    workflow: WorkflowView,
    event: WorkflowAdvanced | WorkflowInstanceEnded | WorkflowPhaseChanged,
    at: int,
) -> WorkflowView:
    match event:
        case WorkflowAdvanced():
            first, last = event.instances
            taken = workflow.in_flight.update(dict.fromkeys(range(first, last + 1), True))
            moved = replace(workflow, in_flight=taken, updated_at=at)
            if workflow.phase is WorkflowPhase.INITIALIZED:
                return _in_phase(moved, WorkflowPhase.ROLLING_FORWARD, at)
            return moved
        case WorkflowInstanceEnded():
            flying = workflow.in_flight
            return replace(
                workflow,
                in_flight=flying.delete(event.instance) if event.instance in flying else flying,
                completed=workflow.completed + int(not event.has_failed),
                failed=workflow.failed + int(event.has_failed),
                updated_at=at,
            )
        case WorkflowPhaseChanged():
            return _in_phase(workflow, event.phase, at)
        case _:
            assert_never(event)


def _in_phase(workflow: WorkflowView, phase: WorkflowPhase, at: int) -> WorkflowView:
    return replace(
        workflow,
        phase=phase,
        previous_phase=workflow.phase if phase is WorkflowPhase.PAUSED else None,
        changes=(*workflow.changes, WorkflowChange(at=at, phase=phase)),
        updated_at=at,
        ended_at=at if phase.is_terminal else 0,
    )
