"""What is remembered of a job, and the tables of its phases and its workflow's phases.

1. `TRANSITIONS` and `WORKFLOW_TRANSITIONS` hold the edges that decisions take so far; a test
   checks that none leaves them. `ALLOWED` and `WORKFLOW_ALLOWED` hold all that may ever happen.
2. A job's phase is derived (`phases.py`), so nearly every phase may follow every other; only
   `deleted` is final.
3. The maps are persistent: an event about one pod costs O(log n), whatever the number of pods.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from immutables import Map

from actors.job.waiting import Waiting
from events.frozen import frozen
from events.goal import Goal
from events.job import (
    InstanceRange,
    JobCreated,
    JobDeleted,
    JobEvent,
    JobGoalChanged,
    JobPhase,
    JobPhaseChanged,
    JobPodStartRequested,
    JobSpec,
    WorkflowAdvanced,
    WorkflowKind,
    WorkflowOptions,
    WorkflowPhase,
    WorkflowPhaseChanged,
    WorkflowPlanned,
    WorkflowStarted,
    WorkflowTurnedBack,
)
from events.pod import PodPhase

J = JobPhase
W = WorkflowPhase


TRANSITIONS: Mapping[JobPhase | None, Mapping[type[JobEvent], tuple[JobPhase, ...]]] = MappingProxyType(
    {
        None: {JobCreated: (J.PENDING,)},
        J.PENDING: {
            JobPhaseChanged: (J.RUNNING, J.SUCCEEDED, J.FAILED, J.KILLING, J.KILLED),
            JobDeleted: (J.DELETED,),
        },
        J.RUNNING: {JobPhaseChanged: (J.PENDING, J.SUCCEEDED, J.FAILED, J.KILLING, J.KILLED)},
        J.KILLING: {JobPhaseChanged: (J.PENDING, J.RUNNING, J.SUCCEEDED, J.FAILED, J.KILLED)},
        J.SUCCEEDED: {
            JobPhaseChanged: (J.PENDING, J.RUNNING, J.FAILED, J.KILLED),
            JobDeleted: (J.DELETED,),
        },
        J.FAILED: {
            JobPhaseChanged: (J.PENDING, J.RUNNING, J.SUCCEEDED, J.KILLED),
            JobDeleted: (J.DELETED,),
        },
        J.KILLED: {
            JobPhaseChanged: (J.PENDING, J.RUNNING, J.SUCCEEDED, J.FAILED),
            JobDeleted: (J.DELETED,),
        },
        J.DELETED: {},
    }
)
"""Phase before -> class of event -> phases after. None stands for a job that never was."""

STEADY: frozenset[type[JobEvent]] = frozenset()

SENDERS: frozenset[type[JobEvent]] = frozenset(
    {JobCreated, JobGoalChanged, JobPodStartRequested, WorkflowPlanned, WorkflowAdvanced}
)
"""Events at which the job tells its pods something, or itself to go on."""

_ANY = (J.PENDING, J.RUNNING, J.SUCCEEDED, J.FAILED, J.KILLING, J.KILLED, J.DELETED)

ALLOWED: Mapping[JobPhase, tuple[JobPhase, ...]] = MappingProxyType(
    {phase: tuple(each for each in _ANY if each is not phase) for phase in _ANY if phase is not J.DELETED}
    | {J.DELETED: ()}
)
"""Every change of phase that may ever happen."""

_ANOTHER: Mapping[type[JobEvent], tuple[WorkflowPhase, ...]] = MappingProxyType(
    {WorkflowStarted: (W.INITIALIZED, W.PAUSED)}
)

WORKFLOW_TRANSITIONS: Mapping[WorkflowPhase | None, Mapping[type[JobEvent], tuple[WorkflowPhase, ...]]] = (
    MappingProxyType(
        {
            None: {JobCreated: (W.INITIALIZED, W.PAUSED, W.ROLLING_FORWARD)},
            W.INITIALIZED: {
                WorkflowPlanned: (W.ROLLING_FORWARD,),
                WorkflowAdvanced: (W.ROLLING_FORWARD,),
                WorkflowPhaseChanged: (W.ROLLING_FORWARD,),
            },
            W.PAUSED: {
                WorkflowPhaseChanged: (W.INITIALIZED, W.ROLLING_FORWARD, W.ROLLING_BACKWARD, W.ABORTED),
            },
            W.ROLLING_FORWARD: {
                WorkflowPhaseChanged: (W.SUCCEEDED, W.FAILED, W.PAUSED, W.ABORTED),
                WorkflowTurnedBack: (W.ROLLING_BACKWARD,),
            },
            W.ROLLING_BACKWARD: {
                WorkflowPhaseChanged: (W.ROLLED_BACK, W.FAILED, W.PAUSED, W.ABORTED),
            },
            W.SUCCEEDED: _ANOTHER,
            W.FAILED: _ANOTHER,
            W.ABORTED: _ANOTHER,
            W.ROLLED_BACK: _ANOTHER,
        }
    )
)
"""As `TRANSITIONS`, for the phase of the workflow. None stands for no workflow yet.

Out of a terminal phase leads only another workflow.
"""

WORKFLOW_STORED: Mapping[WorkflowPhase | None, Mapping[type[JobEvent], tuple[WorkflowPhase | None, ...]]] = (
    MappingProxyType(
        {
            **WORKFLOW_TRANSITIONS,
            None: {
                JobCreated: (None, *WORKFLOW_TRANSITIONS[None][JobCreated]),
                WorkflowStarted: (W.INITIALIZED, W.PAUSED),
            },
        }
    )
)
"""What journals may hold: in older ones the first workflow has an event of its own."""

WORKFLOW_ALLOWED: Mapping[WorkflowPhase, tuple[WorkflowPhase, ...]] = MappingProxyType(
    {
        W.INITIALIZED: (W.ROLLING_FORWARD, W.PAUSED, W.ABORTED),
        W.ROLLING_FORWARD: (W.SUCCEEDED, W.FAILED, W.ROLLING_BACKWARD, W.PAUSED, W.ABORTED),
        W.PAUSED: (W.INITIALIZED, W.ROLLING_FORWARD, W.ROLLING_BACKWARD, W.ABORTED),
        W.ROLLING_BACKWARD: (W.ROLLED_BACK, W.FAILED, W.PAUSED, W.ABORTED),
        W.SUCCEEDED: (W.INITIALIZED, W.PAUSED),
        W.FAILED: (W.INITIALIZED, W.PAUSED),
        W.ABORTED: (W.INITIALIZED, W.PAUSED),
        W.ROLLED_BACK: (W.INITIALIZED, W.PAUSED),
    }
)
"""Every change of a workflow's phase that may ever happen."""


class PodKnown(NamedTuple):
    """What a pod reported last."""

    run: int
    phase: PodPhase
    goal: Goal
    config: int
    failure_count: int
    desired_config: int
    """The later of what it reported to be its next run's, and what the job asked it to have."""


@frozen
class Workflow:
    """The workflow of a job, current or last."""

    ordinal: int
    """How many workflows the job has had, this one included."""
    kind: WorkflowKind
    phase: WorkflowPhase
    config: int
    previous_config: int
    options: WorkflowOptions
    opaque: str
    """Text of the client that asked for it."""
    asked: tuple[InstanceRange, ...]
    """Instances that a restart was asked for."""
    is_planned: bool
    """True once it is known what it changes."""
    total: int
    """Instances that it is about."""
    waiting: Waiting
    """Instances that it has not taken yet."""
    in_flight: Map[int, None]
    """Instances that it has taken and that are not where it wants them."""
    done: int = 0
    failed: int = 0
    previous_phase: WorkflowPhase | None = None
    """Where a paused one goes on; None while it is not paused."""

    @property
    def is_creation(self) -> bool:
        """True for the workflow that makes the job's first pods."""
        return self.previous_config == 0

    @property
    def is_active(self) -> bool:
        """True while more may happen in it."""
        return not self.phase.is_terminal


@frozen
class JobState:
    """A job and what it knows of its pods."""

    id: str
    spec: JobSpec
    goal: Goal
    phase: JobPhase
    config: int
    """Number of the current configuration, from 1; no number is given twice."""
    specs: Map[int, JobSpec]
    """By number: the current configuration, the one before, and those that pods have."""
    goal_count: int
    """How often the goal was set, creation included."""
    workflow_count: int
    """How often the workflow was touched, creation included."""
    workflow: Workflow | None
    pods: Map[int, PodKnown]
    """Pods that exist, by instance number."""
    counts: Map[PodPhase, int]
    """How many pods are in a phase; phases without pods may be absent."""
    leaving: Map[int, None]
    """Pods that a workflow told to be gone and that are still there."""
    gone: Map[int, int]
    """Last run of pods that were deleted: one made again goes on from there."""

    @property
    def version(self) -> str:
        """The text that a change must name."""
        return f"{self.config}-{self.goal_count}-{self.workflow_count}"

    @property
    def stream(self) -> str:
        """The job's own stream."""
        return f"job/{self.id}"

    def pod_stream(self, instance: int) -> str:
        """Return the stream of a pod of the job."""
        return f"pod/{self.id}-{instance}"

    def count(self, *phases: PodPhase) -> int:
        """Return how many pods are in one of these phases."""
        return sum(self.counts.get(phase, 0) for phase in phases)


def is_finished(state: JobState) -> bool:
    """Return whether nothing more will happen to the job by itself."""
    if state.phase is J.KILLED and state.goal is Goal.KILLED:
        return state.workflow is None or not state.workflow.is_active
    return state.phase is J.DELETED
