"""Phases, goals and reasons of the kernel, each with its name on the wire.

1. Every mapping is total: it has an entry for each member of the kernel's enum. A test counts.
2. What the wire knows beyond the kernel (a job that is INITIALIZED) is never said, and matches
   nothing when asked for.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from events.goal import Goal
from events.host import HostPhase
from events.job import JobPhase, WorkflowKind, WorkflowPhase
from events.pod import EndReason, PodPhase
from projections.pods import ContainerPhase
from protocol.pb.peloton.api.v1alpha.host import host_pb2 as host
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2 as stateless
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2 as pod

P = TypeVar("P", bound=StrEnum)

POD_STATES: Mapping[PodPhase, pod.PodState.ValueType] = MappingProxyType(
    {
        PodPhase.INITIALIZED: pod.POD_STATE_INITIALIZED,
        PodPhase.PENDING: pod.POD_STATE_PENDING,
        PodPhase.READY: pod.POD_STATE_READY,
        PodPhase.PLACING: pod.POD_STATE_PLACING,
        PodPhase.RESERVED: pod.POD_STATE_RESERVED,
        PodPhase.PLACED: pod.POD_STATE_PLACED,
        PodPhase.LAUNCHING: pod.POD_STATE_LAUNCHING,
        PodPhase.LAUNCHED: pod.POD_STATE_LAUNCHED,
        PodPhase.STARTING: pod.POD_STATE_STARTING,
        PodPhase.RUNNING: pod.POD_STATE_RUNNING,
        PodPhase.SUCCEEDED: pod.POD_STATE_SUCCEEDED,
        PodPhase.FAILED: pod.POD_STATE_FAILED,
        PodPhase.LOST: pod.POD_STATE_LOST,
        PodPhase.KILLING: pod.POD_STATE_KILLING,
        PodPhase.KILLED: pod.POD_STATE_KILLED,
        PodPhase.PREEMPTING: pod.POD_STATE_PREEMPTING,
        PodPhase.DELETED: pod.POD_STATE_DELETED,
    }
)

POD_STATE_NAMES: Mapping[PodPhase, str] = MappingProxyType(
    {phase: pod.PodState.Name(state) for phase, state in POD_STATES.items()}
)

POD_GOALS: Mapping[Goal, pod.PodState.ValueType] = MappingProxyType(
    {
        Goal.RUNNING: pod.POD_STATE_RUNNING,
        Goal.KILLED: pod.POD_STATE_KILLED,
        Goal.DELETED: pod.POD_STATE_DELETED,
    }
)

JOB_STATES: Mapping[JobPhase, stateless.JobState.ValueType] = MappingProxyType(
    {
        JobPhase.PENDING: stateless.JOB_STATE_PENDING,
        JobPhase.RUNNING: stateless.JOB_STATE_RUNNING,
        JobPhase.SUCCEEDED: stateless.JOB_STATE_SUCCEEDED,
        JobPhase.FAILED: stateless.JOB_STATE_FAILED,
        JobPhase.KILLING: stateless.JOB_STATE_KILLING,
        JobPhase.KILLED: stateless.JOB_STATE_KILLED,
        JobPhase.DELETED: stateless.JOB_STATE_DELETED,
    }
)

JOB_GOALS: Mapping[Goal, stateless.JobState.ValueType] = MappingProxyType(
    {
        Goal.RUNNING: stateless.JOB_STATE_RUNNING,
        Goal.KILLED: stateless.JOB_STATE_KILLED,
        Goal.DELETED: stateless.JOB_STATE_DELETED,
    }
)

WORKFLOW_STATES: Mapping[WorkflowPhase, stateless.WorkflowState.ValueType] = MappingProxyType(
    {
        WorkflowPhase.INITIALIZED: stateless.WORKFLOW_STATE_INITIALIZED,
        WorkflowPhase.ROLLING_FORWARD: stateless.WORKFLOW_STATE_ROLLING_FORWARD,
        WorkflowPhase.PAUSED: stateless.WORKFLOW_STATE_PAUSED,
        WorkflowPhase.SUCCEEDED: stateless.WORKFLOW_STATE_SUCCEEDED,
        WorkflowPhase.ABORTED: stateless.WORKFLOW_STATE_ABORTED,
        WorkflowPhase.FAILED: stateless.WORKFLOW_STATE_FAILED,
        WorkflowPhase.ROLLING_BACKWARD: stateless.WORKFLOW_STATE_ROLLING_BACKWARD,
        WorkflowPhase.ROLLED_BACK: stateless.WORKFLOW_STATE_ROLLED_BACK,
    }
)

WORKFLOW_TYPES: Mapping[WorkflowKind, stateless.WorkflowType.ValueType] = MappingProxyType(
    {
        WorkflowKind.UPDATE: stateless.WORKFLOW_TYPE_UPDATE,
        WorkflowKind.RESTART: stateless.WORKFLOW_TYPE_RESTART,
    }
)

HOST_STATES: Mapping[HostPhase, host.HostState.ValueType] = MappingProxyType(
    {
        HostPhase.UP: host.HOST_STATE_UP,
        HostPhase.DRAINING: host.HOST_STATE_DRAINING,
        HostPhase.DRAINED: host.HOST_STATE_DRAINED,
        HostPhase.DOWN: host.HOST_STATE_DOWN,
    }
)

CONTAINER_STATES: Mapping[ContainerPhase, pod.ContainerState.ValueType] = MappingProxyType(
    {
        ContainerPhase.PENDING: pod.CONTAINER_STATE_PENDING,
        ContainerPhase.RUNNING: pod.CONTAINER_STATE_RUNNING,
        ContainerPhase.SUCCEEDED: pod.CONTAINER_STATE_SUCCEEDED,
        ContainerPhase.FAILED: pod.CONTAINER_STATE_FAILED,
        ContainerPhase.KILLED: pod.CONTAINER_STATE_KILLED,
    }
)

TERMINATIONS: Mapping[EndReason, pod.TerminationStatus.Reason.ValueType] = MappingProxyType(
    {
        EndReason.EXITED: pod.TerminationStatus.TERMINATION_STATUS_REASON_INVALID,
        EndReason.FAILED: pod.TerminationStatus.TERMINATION_STATUS_REASON_FAILED,
        EndReason.LOST: pod.TerminationStatus.TERMINATION_STATUS_REASON_FAILED,
        EndReason.ON_REQUEST: pod.TerminationStatus.TERMINATION_STATUS_REASON_KILLED_ON_REQUEST,
        EndReason.FOR_RESTART: pod.TerminationStatus.TERMINATION_STATUS_REASON_KILLED_FOR_RESTART,
        EndReason.FOR_UPDATE: pod.TerminationStatus.TERMINATION_STATUS_REASON_KILLED_FOR_UPDATE,
        EndReason.FOR_MAINTENANCE: pod.TerminationStatus.TERMINATION_STATUS_REASON_KILLED_HOST_MAINTENANCE,
        EndReason.PREEMPTED: pod.TerminationStatus.TERMINATION_STATUS_REASON_PREEMPTED_RESOURCES,
        EndReason.DEADLINE: pod.TerminationStatus.TERMINATION_STATUS_REASON_DEADLINE_TIMEOUT_EXCEEDED,
    }
)
"""Why a container ended; INVALID, the wire's zero, for one that simply ended well."""

REASONS: Mapping[EndReason, str] = MappingProxyType(
    {
        EndReason.EXITED: "EXITED",
        EndReason.FAILED: "FAILED",
        EndReason.LOST: "LOST",
        EndReason.ON_REQUEST: "KILLED_ON_REQUEST",
        EndReason.FOR_RESTART: "KILLED_FOR_RESTART",
        EndReason.FOR_UPDATE: "KILLED_FOR_UPDATE",
        EndReason.FOR_MAINTENANCE: "KILLED_HOST_MAINTENANCE",
        EndReason.PREEMPTED: "PREEMPTED_RESOURCES",
        EndReason.DEADLINE: "DEADLINE_TIMEOUT_EXCEEDED",
    }
)
"""The one word of a pod's status."""


def phases_of(states: Iterable[int], mapping: Mapping[P, int]) -> tuple[P, ...] | None:
    """Return the phases that a filter lets through; None when it lets nothing through."""
    wanted = frozenset(states)
    if not wanted:
        return ()
    return tuple(phase for phase, state in mapping.items() if state in wanted) or None
