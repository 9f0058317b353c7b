"""What is known of a pod: its current run, as a fold of the pod's own events.

1. A view is frozen; a fold answers a new one. Views are shared between readers.
2. One view is the fold of one stream; earlier runs are read from that stream, not kept here.
3. Times are microseconds since the epoch, UTC; 0 means not yet.
"""

from dataclasses import dataclass
from enum import StrEnum

from events.goal import Goal
from events.pod import EndReason, PodPhase, PodSpec, Port


class ContainerPhase(StrEnum):
    """Where one container of the current run stands."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    KILLED = "killed"
    """Ended after the pod was asked to end it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerView:
    """One container of the current run."""

    name: str
    phase: ContainerPhase = ContainerPhase.PENDING
    process: int = 0
    started_at: int = 0
    ended_at: int = 0
    exit_code: int = 0
    signal: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodView:
    """A pod as it is now, or was at a revision."""

    id: str
    owner: str
    """Stream of the owner, empty for none."""
    instance: int
    name: str
    """The owner's name."""
    spec: PodSpec
    config: int
    desired_config: int
    goal: Goal
    run: int
    desired_run: int
    first_run: int
    """The first run of this pod since it was last created."""
    phase: PodPhase
    host: str = ""
    ports: tuple[Port, ...] = ()
    containers: tuple[ContainerView, ...] = ()
    """In the order of the spec; empty until something is known of one."""
    init_containers: tuple[ContainerView, ...] = ()
    created_at: int = 0
    run_at: int = 0
    """When the current run came to be."""
    started_at: int = 0
    """When all containers of the run had been started."""
    ended_at: int = 0
    message: str = ""
    """For people: why it waits, how it ended, when it will be tried again."""
    end_reason: EndReason | None = None
    """Why the run was asked to end, or how it did."""
    failure_count: int = 0
    restart_at: int = 0
    change: int = 0
    """How many events this view has seen."""
    revision: int = 0
    """Revision of the last of them."""
    changed_at: int = 0
    changed_by: str = ""
