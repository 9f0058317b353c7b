"""Who is outside the server: what all have in common who call it and wait for an answer.

1. Each has a chance of its own, so that what one does depends on what it is answered, and on nobody else.
2. Who goes away does not care what became of its attempt.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from grpc import StatusCode

from protocol.simulation.books import Books
from protocol.simulation.network import Network
from protocol.simulation.story import Story
from protocol.simulation.wishes import AT_ANY_TIME

RETRIES = 6
RETRY_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What is there for everybody."""

    network: Network
    """The way to the server."""
    books: Books
    """What is committed."""
    story: Story
    """Told of calls and answers."""
    is_over: Callable[[], bool]
    """Tells when to stop."""


class Person:
    """Somebody who calls the server.

    Args:
        name: Of it.
        chance: Decides what it does.
        outside: What is there for everybody.
    """

    def __init__(self, name: str, chance: Random, outside: Outside) -> None:
        self._name = name
        self._chance = chance
        self._network = outside.network
        self._books = outside.books
        self._story = outside.story
        self._is_over = outside.is_over

    async def _try(self, attempt: Callable[[], Awaitable[StatusCode]], *, is_repeatable: bool) -> None:
        """Try, and when that may be done twice, try again while nothing but time or luck was missing."""
        for _ in range(RETRIES if is_repeatable else 1):
            if await attempt() not in AT_ANY_TIME:
                return
            await asyncio.sleep(RETRY_S * (1 + self._chance.random()))

    async def _go_away(self, attempt: Coroutine[None, None, StatusCode]) -> None:
        """Begin an attempt, and be gone a little later."""
        trying = asyncio.ensure_future(attempt)
        await asyncio.sleep(self._chance.random() ** 4 * 0.5)
        trying.cancel()
        with suppress(asyncio.CancelledError):
            await trying
