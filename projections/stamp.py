"""What every view remembers of the last event that it has seen.

1. A stamp is unpacked into the one `replace` of a fold: copying a view twice would double its cost.
2. Its fields are those of every view with the same names.
3. A fold refuses a stream only when its entity does not exist.
"""

from datetime import UTC, datetime
from typing import TypedDict

from events.record import Recorded


class Stamp(TypedDict):
    """Fields of a view that change with each event."""

    change: int
    revision: int
    changed_at: int
    changed_by: str


class OutOfPlace(Exception):  # noqa: N818 - says what is wrong with the event
    """A stream does not begin with the event that begins its entity: a bug, or a damaged journal."""

    def __init__(self, recorded: Recorded) -> None:
        kind = type(recorded.event).__name__
        super().__init__(f"{recorded.stream}: {kind} at version {recorded.version} has nothing before it")


def stamp(change: int, recorded: Recorded) -> Stamp:
    """Return what an event leaves on a view that had seen `change` events before it."""
    envelope = recorded.envelope
    return {  # a literal is made in half the time
        "change": change + 1,
        "revision": recorded.revision,
        "changed_at": envelope.at,
        "changed_by": envelope.principal,
    }


def text_of(moment: int) -> str:
    """Return a time in microseconds since the epoch as people read it, in UTC, to the second."""
    return datetime.fromtimestamp(moment // 1_000_000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
