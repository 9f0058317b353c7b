"""What is known of a job's workflows, as a fold of the job's own events.

1. The newest workflows of each kind are kept, and with them the configurations that they brought.
2. What happened to single instances is kept of the current workflow, and of earlier ones as long as
   it is not too much.
3. Counts are of the plan that is being carried out: on the way back they begin anew.
"""

from typing import assert_never

from immutables import Map

from events.frozen import EMPTY, frozen, replace
from events.job import (
    InstanceRange,
    WorkflowAdvanced,
    WorkflowInstanceEnded,
    WorkflowKind,
    WorkflowOptions,
    WorkflowPhase,
    WorkflowPhaseChanged,
    WorkflowPlanned,
    WorkflowStarted,
    WorkflowTouched,
    WorkflowTurnedBack,
)
from events.ranges import numbers, size

KEPT_WORKFLOWS = 10
"""Workflows of each kind that a view keeps, the current one included."""
KEPT_INSTANCES = 10_000
"""Instances, over all earlier workflows of a job, of which it is kept what happened to them."""

WorkflowMove = (
    WorkflowPlanned
    | WorkflowAdvanced
    | WorkflowInstanceEnded
    | WorkflowPhaseChanged
    | WorkflowTouched
    | WorkflowTurnedBack
)
"""What happens to a workflow that there is."""


@frozen
class WorkflowChange:
    """The workflow, or one instance in it, came to stand somewhere."""

    at: int
    phase: WorkflowPhase


@frozen
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
    """Instances it is about; 0 until that is worked out."""
    completed: int = 0
    failed: int = 0
    in_flight: Map[int, bool] = EMPTY
    """Instances taken and not ended, by number."""
    changes: tuple[WorkflowChange, ...] = ()
    """Oldest first."""
    instance_changes: Map[int, tuple[WorkflowChange, ...]] = EMPTY
    """What happened to single instances since they were taken, oldest first."""
    configs: tuple[int, ...] = ()
    """Configurations that it brought: one, and another one when it rolled backward."""
    created_at: int = 0
    updated_at: int = 0
    ended_at: int = 0

    @property
    def remaining(self) -> int:
        """Instances that have neither completed nor failed."""
        return self.total - self.completed - self.failed

    def has(self, instance: int) -> bool:
        """Return whether the workflow is about an instance."""
        ranges = (*self.added, *self.updated, *self.removed)
        return any(first <= instance <= last for first, last in ranges)

    def changes_of(self, instance: int) -> tuple[WorkflowChange, ...]:
        """Return what happened to an instance, oldest first; nothing when it is not about it."""
        known = self.instance_changes.get(instance, ())
        if not known and not self.has(instance):
            return ()
        return (WorkflowChange(at=self.created_at, phase=WorkflowPhase.INITIALIZED), *known)


def started(workflows: tuple[WorkflowView, ...], event: WorkflowStarted, at: int) -> tuple[WorkflowView, ...]:
    """Return the workflows to be kept with a new one, oldest first."""
    phase = WorkflowPhase.PAUSED if event.options.start_paused else WorkflowPhase.INITIALIZED
    workflow = WorkflowView(
        ordinal=workflows[-1].ordinal + 1 if workflows else 1,
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
        total=size((*event.added, *event.updated, *event.removed)),
        changes=(WorkflowChange(at=at, phase=phase),),
        configs=(event.config,),
        created_at=at,
        updated_at=at,
    )
    return (*_lightened(_kept((*workflows, workflow))[:-1]), workflow) if workflows else (workflow,)


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


def _lightened(workflows: tuple[WorkflowView, ...]) -> tuple[WorkflowView, ...]:
    """Return earlier workflows without what is too much: the newest ones keep theirs."""
    room, lightened = KEPT_INSTANCES, []
    for workflow in reversed(workflows):
        room -= len(workflow.instance_changes)
        lightened.append(workflow if room >= 0 else replace(workflow, instance_changes=EMPTY))
    return tuple(reversed(lightened))


def moved(workflow: WorkflowView, event: WorkflowMove, at: int) -> WorkflowView:
    """Return a workflow after something happened to it."""
    match event:
        case WorkflowPlanned():
            ranges = (*event.added, *event.updated, *event.removed)
            planned = replace(
                workflow,
                added=event.added,
                updated=event.updated,
                removed=event.removed,
                total=size(ranges),
                updated_at=at,
            )
            return _rolling(planned, at)
        case WorkflowAdvanced():
            return _advanced(workflow, event, at)
        case WorkflowInstanceEnded():
            flying, instance = workflow.in_flight, event.instance
            phase = WorkflowPhase.FAILED if event.has_failed else WorkflowPhase.SUCCEEDED
            known, change = workflow.instance_changes, WorkflowChange(at=at, phase=phase)
            return replace(
                workflow,
                in_flight=flying.delete(instance) if instance in flying else flying,
                completed=workflow.completed + int(not event.has_failed),
                failed=workflow.failed + int(event.has_failed),
                instance_changes=known.set(instance, (*known.get(instance, ()), change)),
                updated_at=at,
            )
        case WorkflowPhaseChanged():
            return _in_phase(workflow, event.phase, at)
        case WorkflowTouched():
            opaque = workflow.opaque if event.opaque is None else event.opaque
            return replace(workflow, opaque=opaque, updated_at=at)
        case WorkflowTurnedBack():
            turned = replace(
                workflow,
                config=event.config,
                previous_config=workflow.config,
                configs=(*workflow.configs, event.config),
                completed=0,
                failed=0,
                in_flight=EMPTY,
            )
            return _in_phase(turned, WorkflowPhase.ROLLING_BACKWARD, at)
        case _:
            assert_never(event)


def _rolling(workflow: WorkflowView, at: int) -> WorkflowView:
    if workflow.phase is WorkflowPhase.INITIALIZED:
        return _in_phase(workflow, WorkflowPhase.ROLLING_FORWARD, at)
    return workflow


def _advanced(workflow: WorkflowView, event: WorkflowAdvanced, at: int) -> WorkflowView:
    """Return a workflow with more instances in flight; one that takes its first ones rolls."""
    is_first = workflow.phase is WorkflowPhase.INITIALIZED
    change = WorkflowChange(at=at, phase=WorkflowPhase.ROLLING_FORWARD if is_first else workflow.phase)
    taken = tuple(numbers((event.instances, *event.more)))
    known = workflow.instance_changes
    return replace(
        workflow,
        phase=change.phase,
        previous_phase=None if is_first else workflow.previous_phase,
        in_flight=workflow.in_flight.update(dict.fromkeys(taken, True)),
        changes=(*workflow.changes, change) if is_first else workflow.changes,
        instance_changes=known.update({each: (*known.get(each, ()), change) for each in taken}),
        updated_at=at,
    )


def _in_phase(workflow: WorkflowView, phase: WorkflowPhase, at: int) -> WorkflowView:
    return replace(
        workflow,
        phase=phase,
        previous_phase=workflow.phase if phase is WorkflowPhase.PAUSED else None,
        in_flight=EMPTY if phase.is_terminal else workflow.in_flight,
        changes=(*workflow.changes, WorkflowChange(at=at, phase=phase)),
        updated_at=at,
        ended_at=at if phase.is_terminal else 0,
    )
