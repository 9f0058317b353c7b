"""What can happen to a job: the wish for N pods kept alike, and one workflow at a time.

1. A job has three counters, each from 1: `config` (what its pods run), `goal` (how often its goal
   was set) and `workflow` (how often its workflow was touched). Together they are its version.
2. A workflow brings the pods from one configuration to the next. Creating the job is the first
   workflow, from configuration 0.
3. What a job knows of its pods is what they reported; the last report of a pod counts.
4. Instance ranges are inclusive at both ends.
5. What a workflow changes is worked out when it begins to roll, not when it is asked for; only a
   job's first workflow says so at once.
"""

from collections.abc import Mapping
from types import MappingProxyType

from events.attachment import Attachment
from events.frozen import frozen
from events.goal import Goal
from events.pod import PodPhase, PodSpec
from events.word import Word

InstanceRange = tuple[int, int]
"""First and last instance number, inclusive."""


class JobPhase(Word):
    """What is true of a job, derived from what its pods reported."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    KILLING = "killing"
    KILLED = "killed"
    DELETED = "deleted"


class WorkflowKind(Word):
    """What a workflow does to the pods."""

    UPDATE = "update"
    RESTART = "restart"


class WorkflowPhase(Word):
    """Where a workflow stands."""

    INITIALIZED = "initialized"
    ROLLING_FORWARD = "rolling_forward"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    ABORTED = "aborted"
    FAILED = "failed"
    ROLLING_BACKWARD = "rolling_backward"
    ROLLED_BACK = "rolled_back"

    @property
    def is_terminal(self) -> bool:
        """True when nothing more happens in the workflow."""
        return self in WORKFLOW_TERMINAL


WORKFLOW_TERMINAL = frozenset(
    {WorkflowPhase.SUCCEEDED, WorkflowPhase.ABORTED, WorkflowPhase.FAILED, WorkflowPhase.ROLLED_BACK}
)
"""Phases after which only a new workflow may follow."""


@frozen
class JobSpec:
    """What a job is made of."""

    name: str
    """For people; not unique."""
    instance_count: int
    default: PodSpec | None
    """What an instance runs that has no spec of its own; None when every instance has one."""
    instances: tuple[tuple[int, PodSpec], ...] = ()
    """Specs of single instances, complete (already merged with the default), by instance number."""
    owner: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    """Sorted by key, then value."""
    pool: str = "default"
    """Id of the resource pool it runs in."""
    maximum_unavailable: int = 0
    """How many pods may be unavailable before voluntary disruption waits; 0 for any number."""
    attachments: tuple[Attachment, ...] = ()


@frozen
class WorkflowOptions:
    """How a workflow goes about its pods."""

    batch_size: int = 0
    """Pods in flight at once; 0 for all."""
    max_instance_retries: int = 0
    """Failures after which an instance counts as failed; 0 for never."""
    max_tolerable_failures: int = 0
    """Failed instances at which the workflow fails; 0 for no limit."""
    start_paused: bool = False
    roll_back_on_failure: bool = False
    in_place: bool = False
    start_pods: bool = False


# ---------------------------------------------------------------- events


@frozen
class WorkflowStarted:
    """A workflow exists, initialized or paused."""

    kind: WorkflowKind
    config: int
    """The configuration it brings the pods to."""
    previous_config: int
    """The configuration it comes from, 0 for none."""
    options: WorkflowOptions
    added: tuple[InstanceRange, ...] = ()
    updated: tuple[InstanceRange, ...] = ()
    removed: tuple[InstanceRange, ...] = ()
    opaque: str = ""
    """Text of the client, returned as given."""
    spec: JobSpec | None = None
    """What the job is from now on; None when the workflow does not change it."""


@frozen
class WorkflowPlanned:
    """What the workflow changes is worked out, and an initialized one rolls forward.

    Pods of the job that are in none of the ranges have the new configuration at once, without a new
    run. A second plan is that of the way back, and counts from nothing.
    """

    added: tuple[InstanceRange, ...] = ()
    updated: tuple[InstanceRange, ...] = ()
    removed: tuple[InstanceRange, ...] = ()


@frozen
class WorkflowAdvanced:
    """These instances are now in flight; an initialized workflow rolls forward.

    Those that it adds have their pods opened in the same append: run 1, initialized, or killed when
    the job's goal is not to run. Those that were deleted before are told to be there again, those
    that are updated to move, those beyond the job's number of instances to be gone.
    """

    instances: InstanceRange
    more: tuple[InstanceRange, ...] = ()
    """Further ones, taken with them."""


@frozen
class JobCreated:
    """The job exists, with goal running, configuration 1 and version 1-1-1.

    One event tells how it begins: most jobs have little more history than that.
    """

    spec: JobSpec
    workflow: WorkflowStarted | None = None
    """Its first workflow. None in older journals: there it follows as an event of its own."""
    advanced: WorkflowAdvanced | None = None
    """The instances that this workflow takes at once, None for none."""


@frozen
class WorkflowInstanceEnded:
    """An instance is where the workflow wants it, or has failed for good."""

    instance: int
    has_failed: bool


@frozen
class WorkflowPhaseChanged:
    """The workflow stands elsewhere."""

    phase: WorkflowPhase


@frozen
class WorkflowTouched:
    """A client paused, resumed, aborted or repeated the workflow, perhaps in vain: its counter moves."""

    opaque: str | None = None
    """The client's new text, None to keep the one that there is."""


@frozen
class WorkflowTurnedBack:
    """Too many instances failed: the workflow now rolls backward, to what the job was before.

    The configuration that failed becomes the one it comes from.
    """

    config: int
    """A new number for the old spec."""
    spec: JobSpec


@frozen
class JobPodReported:
    """A pod of the job told how it is; earlier reports of this instance no longer count."""

    instance: int
    run: int
    phase: PodPhase
    """`deleted` when the pod is gone."""
    goal: Goal
    config: int
    failure_count: int
    desired_config: int = 0
    """Of the next run; 0 when it is that of the current one."""


@frozen
class JobGoalChanged:
    """The goal was set, perhaps to what it was; the goal counter moves. Unset when a pod's start did it."""

    goal: Goal
    is_counted: bool = True
    """False when the counter stays: a pod or a workflow starts pods, so the job's goal is to run."""


@frozen
class JobPodStartRequested:
    """A client wants this pod to run; the pod is told."""

    instance: int


@frozen
class JobPhaseChanged:
    """The derived phase is another one."""

    phase: JobPhase


@frozen
class JobDeleted:
    """All pods are gone and the job with them. Nothing follows."""


JobEvent = (
    JobCreated
    | WorkflowStarted
    | WorkflowPlanned
    | WorkflowAdvanced
    | WorkflowInstanceEnded
    | WorkflowPhaseChanged
    | WorkflowTouched
    | WorkflowTurnedBack
    | JobPodReported
    | JobGoalChanged
    | JobPodStartRequested
    | JobPhaseChanged
    | JobDeleted
)

TOPICS: Mapping[str, type[JobEvent]] = MappingProxyType(
    {
        "job.created:1": JobCreated,
        "job.workflow_started:1": WorkflowStarted,
        "job.workflow_planned:1": WorkflowPlanned,
        "job.workflow_advanced:1": WorkflowAdvanced,
        "job.workflow_instance_ended:1": WorkflowInstanceEnded,
        "job.workflow_phase_changed:1": WorkflowPhaseChanged,
        "job.workflow_touched:1": WorkflowTouched,
        "job.workflow_turned_back:1": WorkflowTurnedBack,
        "job.pod_reported:1": JobPodReported,
        "job.goal_changed:1": JobGoalChanged,
        "job.pod_start_requested:1": JobPodStartRequested,
        "job.phase_changed:1": JobPhaseChanged,
        "job.deleted:1": JobDeleted,
    }
)
"""The name under which each class is stored."""
