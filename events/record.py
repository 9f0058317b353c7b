"""The shape in which an event stands in the journal, whatever entity it belongs to.

1. A revision is a position in the journal: ordered, never reused, with gaps. A version is a
   position in one stream: contiguous from 1.
2. Events that were decided together form one append. Its events have neighbouring revisions,
   share one envelope, and the last of them is marked.
3. A stream id is `<entity>/<id>`.
"""

from typing import NamedTuple


class Delivery(NamedTuple):
    """Identity of a command that one entity sent to another: who repeats it, repeats this."""

    sender: str
    """Stream of the sender."""
    version: int
    """Version of the event in the sender's stream that asked for the command."""
    ordinal: int
    """Position among the commands that this event asked for, from 0."""


class Envelope(NamedTuple):
    """Who caused an append, when, and why. In the order in which journals keep it."""

    at: int
    """Time of the decision: microseconds since the epoch, UTC."""
    principal: str = "system"
    """Who asked: an authenticated name, `local`, or `system` for what the server does by itself."""
    origin: str = ""
    """The API through which the request came, empty for what the server does by itself."""
    request_id: str = ""
    cause: int = 0
    """Revision of the event that led to this append, 0 when a client asked for it."""
    trace: str = ""
    """W3C `traceparent` of the request, empty when it had none."""
    delivery: Delivery | None = None
    """Set when the append answers a command that another entity sent."""
    delivered: tuple[tuple[str, int], ...] = ()
    """For streams of this append: the version up to which all that was sent has been answered."""


class Recorded(NamedTuple):
    """One event as it stands in the journal."""

    revision: int
    stream: str
    version: int
    event: object
    """An instance of an event class of the stream's entity."""
    envelope: Envelope
    is_last: bool
    """True for the last event of its append."""


def entity_of(stream: str) -> str:
    """Return the entity part of a stream id: `job` of `job/1`."""
    return stream.partition("/")[0]


def id_of(stream: str) -> str:
    """Return the id part of a stream id: `1` of `job/1`."""
    return stream.partition("/")[2]
