"""Long answers from the tables, read in pages of bounded size.

1. A page after the first is asked for by cursor, so that no row comes twice and none is left out.
2. Never more than one page is held, unless the answer itself is one message.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from projections.jobs import JobView
from projections.pods import PodView
from projections.queries import JobQuery, Page, PodQuery
from protocol.gateway import Call, Gateway

PAGE = 1000
"""Rows that are read at a time."""

V = TypeVar("V")


async def each_job(gateway: Gateway, query: JobQuery, call: Call) -> AsyncIterator[JobView]:
    """Yield all jobs that a query matches."""
    query = replace(query, limit=PAGE)
    while True:
        page = await gateway.list_jobs(query, call)
        for job in page.rows:
            yield job
        if not page.next:
            return
        query = replace(query, offset=0, after=page.next)


async def each_pod(gateway: Gateway, query: PodQuery, call: Call) -> AsyncIterator[PodView]:
    """Yield all pods that a query matches."""
    query = replace(query, limit=PAGE)
    while True:
        page = await gateway.list_pods(query, call)
        for pod in page.rows:
            yield pod
        if not page.next:
            return
        query = replace(query, offset=0, after=page.next)


async def jobs_of(gateway: Gateway, query: JobQuery, call: Call) -> Page[JobView]:
    """Return the rows of a query, however many pages they are."""

    def read(limit: int, after: str) -> Awaitable[Page[JobView]]:
        part = replace(query, limit=limit, offset=0 if after else query.offset, after=after)
        return gateway.list_jobs(part, call)

    return await _collect(read, query.limit)


async def pods_of(gateway: Gateway, query: PodQuery, call: Call) -> Page[PodView]:
    """Return the rows of a query, however many pages they are."""

    def read(limit: int, after: str) -> Awaitable[Page[PodView]]:
        part = replace(query, limit=limit, offset=0 if after else query.offset, after=after)
        return gateway.list_pods(part, call)

    return await _collect(read, query.limit)


async def _collect(read: Callable[[int, str], Awaitable[Page[V]]], limit: int) -> Page[V]:
    first = await read(max(1, min(limit, PAGE)), "")  # of an empty page the total is still wanted
    rows, after = list(first.rows[:limit]), first.next
    while after and len(rows) < limit:
        page = await read(min(limit - len(rows), PAGE), after)
        rows.extend(page.rows)
        after = page.next
    return Page(rows=tuple(rows), total=first.total, next=after)
