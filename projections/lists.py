"""Lists: answers of the tables that are no older than the question.

1. A list waits until the tables have reached the revision that was current when it was asked, at
   most `MAX_WAIT_S` or as long as the caller has time; then it is refused as Lagging.
   When they cannot be read now it is refused as Unreadable.
2. Reading is done by reader threads, in pages; a long answer is several reads, one after another.
3. Jobs that are live have their maps by instance put back from memory (projections/rows.py), and their
   pods counted there.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol, TypeVar

from projections.hot import HotViews
from projections.jobs import JobView
from projections.listing import TableReader, TablesUnreadable
from projections.pods import PodView
from projections.queries import JobQuery, Page, PodQuery
from projections.reading import PAGE, Readers
from projections.rows import with_instances

MAX_WAIT_S = 5.0
"""Longest time that a list waits for its tables."""

T = TypeVar("T")
V = TypeVar("V")


class Lagging(Exception):  # noqa: N818 - a refusal is named for what is wrong
    """The tables have not reached the revision in time; the caller may try again."""

    def __init__(self, checkpoint: int, revision: int) -> None:
        super().__init__(f"lists are at revision {checkpoint}, {revision} is needed")
        self.checkpoint = checkpoint
        self.revision = revision


class Unreadable(Lagging):
    """The tables cannot be read now; the caller may try again."""

    def __str__(self) -> str:
        return "their tables cannot be read now"


class Behind(Protocol):
    """What is asked of the projector: where it is, and to go on at once."""

    @property
    def checkpoint(self) -> int:
        """Revision up to which the tables have everything."""

    def hurry(self) -> None:
        """Store what waits now."""


class Lists:
    """Pages of jobs and pods. Everything on the event loop.

    Args:
        hot: Views in memory.
        readers: Run reads of tables.
        behind: The projector.
    """

    def __init__(self, hot: HotViews, readers: Readers[TableReader], behind: Behind) -> None:
        self._hot = hot
        self._readers = readers
        self._behind = behind
        self._waiting: dict[asyncio.Future[None], int] = {}
        """Revision that is waited for, by who waits."""

    async def jobs(self, query: JobQuery, revision: int, *, timeout: float = MAX_WAIT_S) -> Page[JobView]:  # noqa: ASYNC109 - the caller's deadline
        """Return a page of jobs as of the revision or later. Raises Lagging or BadCursor."""
        await self.reached(revision, timeout)
        page = await _whole(query.limit, lambda part: self._jobs(query, part, revision))
        hot = self._hot
        rows = tuple(hot.counted(with_instances(row, hot.job(row.id))) for row in page.rows)
        return replace(page, rows=rows)

    async def pods(self, query: PodQuery, revision: int, *, timeout: float = MAX_WAIT_S) -> Page[PodView]:  # noqa: ASYNC109
        """Return a page of pods as of the revision or later. Raises Lagging or BadCursor."""
        await self.reached(revision, timeout)
        return await _whole(query.limit, lambda part: self._pods(query, part, revision))

    async def jobs_named(self, name: str, revision: int, *, timeout: float = MAX_WAIT_S) -> tuple[str, ...]:  # noqa: ASYNC109
        """Return the ids of all jobs ever created under a name, newest first. Raises Lagging."""
        await self.reached(revision, timeout)
        return await self._read(lambda tables: tables.jobs_named(name), revision)

    async def reached(self, revision: int, timeout: float = MAX_WAIT_S) -> None:  # noqa: ASYNC109
        """Wait until the tables have reached the revision. Raises Lagging."""
        if self._behind.checkpoint >= revision:
            return
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[reached] = revision
        self._behind.hurry()
        try:
            async with asyncio.timeout(min(timeout, MAX_WAIT_S)):
                await reached
        except TimeoutError:
            raise Lagging(self._behind.checkpoint, revision) from None
        finally:
            self._waiting.pop(reached, None)

    def advanced(self, checkpoint: int) -> None:
        """Let those go on who waited for a revision that the tables have now."""
        for reached, revision in list(self._waiting.items()):
            if revision <= checkpoint and not reached.done():
                reached.set_result(None)

    async def _jobs(self, query: JobQuery, part: "_Part", revision: int) -> Page[JobView]:
        asked = replace(query, limit=part.limit, after=part.after or query.after)
        return await self._read(lambda tables: tables.jobs(asked, is_counted=not part.after), revision)

    async def _pods(self, query: PodQuery, part: "_Part", revision: int) -> Page[PodView]:
        asked = replace(query, limit=part.limit, after=part.after or query.after)
        return await self._read(lambda tables: tables.pods(asked, is_counted=not part.after), revision)

    async def _read(self, read: Callable[[TableReader], T], revision: int) -> T:
        try:
            return await self._readers.run(read)
        except TablesUnreadable as error:
            raise Unreadable(self._behind.checkpoint, revision) from error


class _Part:
    """One of the reads that a long answer takes."""

    __slots__ = ("after", "limit")

    def __init__(self, limit: int, after: str) -> None:
        self.limit = limit
        self.after = after
        """Empty for the first."""


async def _whole(limit: int, read: Callable[[_Part], Awaitable[Page[V]]]) -> Page[V]:
    """Return one page of any length."""
    page = await read(_Part(min(limit, PAGE), ""))
    rows = list(page.rows)
    following = page.next
    while following and len(rows) < limit:
        more = await read(_Part(min(limit - len(rows), PAGE), following))
        rows += more.rows
        following = more.next
    return Page(rows=tuple(rows), total=page.total, next=following)
