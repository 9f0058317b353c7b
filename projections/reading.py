"""Where reads run that would keep the event loop waiting.

1. A read is a function of a connection; it is short, and asks for at most `PAGE` rows.
2. Each thread has a connection of its own, made when first needed and closed with the threads.
3. A caller who goes away does not stop a read; nobody but the caller sees what it answered.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

from events.record import Recorded

PAGE = 1_000
"""Rows that one read answers at most."""


class Closable(Protocol):
    """Something that holds a file or a connection."""

    def close(self) -> None:
        """Give it back."""


C = TypeVar("C", bound=Closable)
C_co = TypeVar("C_co", bound=Closable, covariant=True)
T = TypeVar("T")


class JournalReader(Closable, Protocol):
    """What is read of the journal here (events/journal/reader.py)."""

    def page(
        self, start: int, limit: int, until: int | None = None, *, is_lenient: bool = False
    ) -> list[Recorded]:
        """Return records from revision `start` to `until`, both included.

        With `is_lenient` an event that cannot be read is what else would be raised.
        """

    def stream(
        self,
        stream: str,
        *,
        after: int = 0,
        limit: int,
        until_revision: int | None = None,
        descending: bool = False,
    ) -> list[Recorded]:
        """Return records of one stream with versions above `after`."""

    def head(self) -> int:
        """Return the highest revision ever given."""


class Readers(Protocol[C_co]):
    """Runs reads."""

    async def run(self, read: Callable[[C_co], T]) -> T:
        """Return what the read answers; raise what it raises."""


class InlineReaders(Generic[C]):
    """Runs reads at once, on the caller's thread: for simulations and small journals."""

    def __init__(self, connection: C) -> None:
        self._connection = connection

    async def run(self, read: Callable[[C], T]) -> T:
        """Return what the read answers."""
        return read(self._connection)


class ReaderThreads(Generic[C]):
    """Runs reads on threads.

    Args:
        connect: Makes a connection for one thread.
        threads: How many.
        name: Of the threads, for people.
    """

    def __init__(self, connect: Callable[[], C], *, threads: int = 1, name: str = "reader") -> None:
        self._connect = connect
        self._local = threading.local()
        self._lock = threading.Lock()
        """Guards `_connections`; innermost."""
        self._connections: list[C] = []
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, read: Callable[[C], T]) -> T:
        """Return what the read answers."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, read)

    def close(self) -> None:
        """Wait for reads that have begun, drop the others, close the connections."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        while self._connections:
            self._connections.pop().close()

    def _read(self, read: Callable[[C], T]) -> T:
        connection: C | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            self._local.connection = connection
            with self._lock:
                self._connections.append(connection)
        return read(connection)
