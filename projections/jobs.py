"""What is known of a job, as a fold of the job's own events.

1. A view is frozen; a fold answers a new one. Views are shared between readers.
2. One view is the fold of one stream: counts are of what the pods reported to the job.
3. Times are microseconds since the epoch, UTC; 0 means not yet.
"""

from dataclasses import dataclass

from immutables import Map

from events.goal import Goal
from events.job import InstanceRange, JobPhase, JobSpec, WorkflowKind, WorkflowOptions, WorkflowPhase
from events.pod import PodPhase

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
