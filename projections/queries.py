"""What may be asked of the tables: filters, orders, pages.

1. A filter that is empty lets everything through; those that are set must all match.
2. Every offered order has an index and ends with the id, so that pages never overlap.
3. Times are microseconds since the epoch, UTC; ranges include their first and exclude their last. A time
   that is not yet is in no range, whatever its ends.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from events.goal import Goal
from events.job import JobPhase
from events.pod import PodPhase

V = TypeVar("V")


class JobOrder(StrEnum):
    """Columns by which jobs are ordered."""

    CREATED_AT = "created_at"
    ENDED_AT = "ended_at"
    NAME = "name"
    OWNER = "owner"
    PHASE = "phase"
    INSTANCE_COUNT = "instance_count"
    POOL = "pool"


class PodOrder(StrEnum):
    """Columns by which pods are ordered."""

    INSTANCE = "instance"
    RUN_AT = "run_at"
    STARTED_AT = "started_at"
    HOST = "host"
    MESSAGE = "message"
    NAME = "name"
    REASON = "reason"
    PHASE = "phase"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """Which jobs, in what order, which part of them."""

    phases: tuple[JobPhase, ...] = ()
    name_contains: str = ""
    owner: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    """All must be among the job's."""
    keywords: tuple[str, ...] = ()
    """Each must occur in the job's name, owner, description or labels, whatever the case."""
    pool: str = ""
    created: tuple[int, int] | None = None
    ended: tuple[int, int] | None = None
    order: tuple[tuple[JobOrder, bool], ...] = ((JobOrder.CREATED_AT, True),)
    """Columns, each with whether it is descending; at most 3."""
    offset: int = 0
    limit: int = 10
    count_limit: int = 100
    """Largest total that is counted; 0 for any."""
    after: str = ""
    """Cursor of the page before, instead of an offset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodQuery:
    """Which pods, in what order, which part of them."""

    owner: str = ""
    """Stream of the owner, empty for all."""
    phases: tuple[PodPhase, ...] = ()
    goals: tuple[Goal, ...] = ()
    ids: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    instances: tuple[int, int] | None = None
    """First and the one after the last."""
    order: tuple[tuple[PodOrder, bool], ...] = ((PodOrder.INSTANCE, False),)
    offset: int = 0
    limit: int = 10
    after: str = ""
    """Cursor of the page before, instead of an offset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[V]):
    """One page of an answer."""

    rows: tuple[V, ...]
    total: int
    """Matches in all, as far as they are counted."""
    next: str = ""
    """Cursor for the next page, empty when this is the last."""
