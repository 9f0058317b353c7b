"""How many bytes of requests a server holds, all calls together.

1. A request that is whole counts from when it came until its call has ended; a message of a stream until it
   is read. What is still on its way is the core's: one message a call, and none longer than a message may be.
2. What would be too much is refused, but for a request that comes when nothing is held, so that none is too
   long, and for short ones: whoever asks how the server is, or wants something cancelled, is heard.
"""

SHORT = 1024
"""Bytes of a message that is always let in."""

NO_LIMIT = 2**63 - 1


class Held:
    """The bytes that are held. Used on the loop's thread."""

    __slots__ = ("_limit", "count")

    def __init__(self, limit: int = NO_LIMIT) -> None:
        self._limit = limit
        self.count = 0
        """Bytes."""

    def take(self, size: int) -> bool:
        """Hold some more, and return True; False when that would be too much, and then nothing is held."""
        count = self.count
        if count + size > self._limit and count and size > SHORT:
            return False
        self.count = count + size
        return True

    def give(self, size: int) -> None:
        """Hold some less."""
        self.count -= size
