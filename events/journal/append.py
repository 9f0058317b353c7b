"""What is asked of the journal's writer, and what it answers.

1. An append is atomic: all its entries are stored, with neighbouring revisions, or none.
2. Entries of one stream have contiguous versions; the first must follow what the stream holds.
3. Every append answers exactly once, on the event loop: committed, or failed.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from events.frozen import frozen
from events.record import Envelope, Recorded


class Entry(NamedTuple):
    """One event with its place in its stream."""

    stream: str
    version: int
    """From 1."""
    event: object


class Failure(StrEnum):
    """Why an append is not in the journal, or may not be."""

    NOT_STORED = "not stored"
    """It is certain that nothing was stored; the writer goes on in a new epoch."""
    STALE_EPOCH = "stale epoch"
    """It was decided on state that a failed append had made; nothing was stored."""
    FENCED = "fenced"
    """The journal takes no appends any more; whether this one was stored may be unknown."""


@frozen(kw_only=False, eq=False)
class Append:
    """Events that were decided together."""

    entries: Sequence[Entry]
    """At least one."""
    envelope: Envelope
    epoch: int
    """The epoch in which it was decided."""


class Outcome(NamedTuple):
    """What became of an append."""

    append: Append
    records: tuple[Recorded, ...] | None
    """As stored, in order; None when it failed."""
    failure: Failure | None
    detail: str = ""
    """For people: what the database said."""

    @property
    def revision(self) -> int:
        """Revision of the append's last event, 0 when it failed."""
        return self.records[-1].revision if self.records else 0
