"""A follower's end of a tail.

1. Parts come in the order of the journal, without gap or repetition.
2. A tail ends by the follower's wish or by shutdown; it is never ended for being slow.
"""

from typing import Protocol

from projections.tail.part import Part


class EventSubscription(Protocol):
    """What a façade pumps to its client."""

    revision: int
    """Revision current when the tail began."""

    async def next(self) -> Part:
        """Wait for the next part; raises WatchEnded."""

    def close(self) -> None:
        """Leave: frees the follower's place at once."""
