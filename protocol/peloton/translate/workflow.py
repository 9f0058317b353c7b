"""Workflows as the wire has them.

1. Ranges in answers include their last, as in the original; ranges in requests do not.
2. Versions of a workflow carry its own configuration and the job's current other two numbers.
3. Lists of events are newest first.
4. Where a limit is given, no more than so many of the instances in flight are named: a summary is
   sent at every change, and must not grow with the job.
"""

from collections.abc import Iterable
from itertools import islice

from events.job import InstanceRange, WorkflowKind
from projections.jobs import JobView, WorkflowView
from protocol.pb.peloton.api.v1alpha import peloton_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.peloton.translate.states import WORKFLOW_STATES, WORKFLOW_TYPES
from protocol.peloton.translate.times import rfc3339


def spell_workflow_status(
    workflow: WorkflowView, job: JobView, *, named: int | None = None
) -> stateless_pb2.WorkflowStatus:
    """Say how far a workflow has come; `named` bounds the instances in flight that are listed."""
    return stateless_pb2.WorkflowStatus(
        type=WORKFLOW_TYPES[workflow.kind],
        state=WORKFLOW_STATES[workflow.phase],
        num_instances_completed=workflow.completed,
        num_instances_remaining=max(0, workflow.remaining),
        num_instances_failed=workflow.failed,
        instances_current=sorted(islice(workflow.in_flight, named)),
        version=_version(workflow.config, job),
        prev_version=_version(workflow.previous_config, job),
        creation_time=rfc3339(workflow.created_at),
        update_time=rfc3339(workflow.updated_at),
        prev_state=(
            stateless_pb2.WORKFLOW_STATE_INVALID
            if workflow.previous_phase is None
            else WORKFLOW_STATES[workflow.previous_phase]
        ),
        completion_time=rfc3339(workflow.ended_at),
    )


def spell_workflow(
    workflow: WorkflowView, job: JobView, *, instance_events: int | None = None
) -> stateless_pb2.WorkflowInfo:
    """Say what a workflow was asked to do and what it did.

    Args:
        workflow: The workflow.
        job: Its job.
        instance_events: Events to tell of each instance, 0 for all; None to tell none.
    """
    kind = WORKFLOW_TYPES[workflow.kind]
    spelled = stateless_pb2.WorkflowInfo(
        status=spell_workflow_status(workflow, job),
        opaque_data=peloton_pb2.OpaqueData(data=workflow.opaque),
        events=[
            stateless_pb2.WorkflowEvent(
                type=kind, timestamp=rfc3339(change.at), state=WORKFLOW_STATES[change.phase]
            )
            for change in reversed(workflow.changes)
        ],
    )
    options = workflow.options
    match workflow.kind:
        case WorkflowKind.RESTART:
            spelled.restart_batch_size = options.batch_size
            spelled.restart_ranges.extend(spell_ranges(workflow.updated))
        case WorkflowKind.UPDATE:
            spelled.update_spec.CopyFrom(
                stateless_pb2.UpdateSpec(
                    batch_size=options.batch_size,
                    rollback_on_failure=options.roll_back_on_failure,
                    max_instance_retries=options.max_instance_retries,
                    max_tolerable_instance_failures=options.max_tolerable_failures,
                    start_paused=options.start_paused,
                    in_place=options.in_place,
                    start_pods=options.start_pods,
                )
            )
            spelled.instances_added.extend(spell_ranges(workflow.added))
            spelled.instances_removed.extend(spell_ranges(workflow.removed))
            spelled.instances_updated.extend(spell_ranges(workflow.updated))
    if instance_events is not None:
        spelled.instance_events.extend(
            stateless_pb2.WorkflowInfo.instance_workflow_events(
                instance_id=instance, events=spell_instance_changes(workflow, instance, instance_events)
            )
            for instance in _instances(workflow)
        )
    return spelled


def spell_instance_changes(
    workflow: WorkflowView, instance: int, limit: int
) -> list[stateless_pb2.WorkflowEvent]:
    """Say what a workflow did to an instance, newest first; at most so many events, 0 for all."""
    kind = WORKFLOW_TYPES[workflow.kind]
    changes = workflow.changes_of(instance)
    told = [
        stateless_pb2.WorkflowEvent(
            type=kind, timestamp=rfc3339(change.at), state=WORKFLOW_STATES[change.phase]
        )
        for place, change in enumerate(changes)
        if place == 0 or change.phase is not changes[place - 1].phase
    ]
    return told[::-1][: limit or None]


def _instances(workflow: WorkflowView) -> list[int]:
    """Return the instances that a workflow is about, or was before it rolled backward."""
    ranges = (*workflow.added, *workflow.updated, *workflow.removed)
    planned = (number for first, last in ranges for number in range(first, last + 1))
    return sorted({*planned, *workflow.instance_changes})


def spell_ranges(ranges: Iterable[InstanceRange]) -> list[pod_pb2.InstanceIDRange]:
    """Spell ranges of instances, the last of each included."""
    return [_range(first, last) for first, last in ranges]


def _range(first: int, last: int) -> pod_pb2.InstanceIDRange:
    spelled = pod_pb2.InstanceIDRange(to=last)
    setattr(spelled, "from", first)
    return spelled


def _version(config: int, job: JobView) -> peloton_pb2.EntityVersion:
    return peloton_pb2.EntityVersion(value=f"{config}-{job.goal_version}-{job.workflow_version}")
