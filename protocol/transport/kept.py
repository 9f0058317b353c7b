"""Messages of a stream that wait, first in, first out: few of them, and not many bytes.

1. There is room for another one while there are fewer than `MANY`, of less than `FULL` bytes together: so one
   that is longer than all of that is kept too, but nothing beside it.
"""

from collections import deque

MANY = 8
FULL = 65_536


class Kept:
    """The messages that wait in one direction."""

    __slots__ = ("_bytes", "_messages")

    def __init__(self) -> None:
        self._messages: deque[tuple[bytes | None, int]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def has_room(self) -> bool:
        """Whether another one may be kept."""
        return self._bytes < FULL and len(self._messages) < MANY

    def put(self, body: bytes | None, flags: int) -> None:
        """Keep a message, None for that there are no more."""
        self._messages.append((body, flags))
        if body is not None:
            self._bytes += len(body)

    def take(self) -> tuple[bytes | None, int]:
        """Return the oldest one with its flags; there must be one."""
        taken = self._messages.popleft()
        body = taken[0]
        if body is not None:
            self._bytes -= len(body)
        return taken
