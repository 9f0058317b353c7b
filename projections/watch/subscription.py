"""One watcher's end of a watch.

1. Messages come in order of revision, one for each append that touches something selected, never
   a part of one; joined and coalesced only when the watcher is live and far behind.
2. A watch ends by the watcher's wish, by cancel, by overflow or by shutdown; the end says which.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from projections.view import View

Encoder = Callable[[int, tuple[View, ...]], bytes]
"""Makes the wire form of a message; called once for watchers that share it."""


class EndOfWatch(StrEnum):
    """Why no more messages come."""

    CANCELLED = "cancelled"
    """Somebody cancelled it by its id."""
    OVERFLOW = "overflow"
    """It was too far behind; resume from `resume_revision`."""
    SHUTDOWN = "shutdown"
    """The server is going down; resume elsewhere."""


class WatchEnded(Exception):  # noqa: N818 - an end, not an error
    """No more messages come."""

    def __init__(self, reason: EndOfWatch, resume_revision: int) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.resume_revision = resume_revision


@dataclass(frozen=True, slots=True)
class Message:
    """What changed in one append, as far as it was selected."""

    revision: int
    """Revision of the append's last event."""
    views: tuple[View, ...]
    """Each changed entity as it was after the append, in stream order."""


class Subscription(Protocol):
    """What a façade pumps to its client."""

    id: int
    """Random, 64 bits, not 0."""
    revision: int
    """Revision current when the watch began."""

    async def next(self) -> Message:
        """Wait for the next message; raises WatchEnded."""

    async def next_encoded(self, encoder: Encoder) -> bytes:
        """Wait for the next message in its wire form, shared with other watchers of equal selectors."""

    def close(self) -> None:
        """Leave: frees the watcher's place at once."""
