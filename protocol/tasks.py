"""Waiting for the first of several things.

1. What lost the race is cancelled and waited for before the winner is told.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress


async def first_of(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def unless(
    event: asyncio.Event, work: Coroutine[object, object, object], *others: asyncio.Event
) -> bool:
    """Do the work, but give it up when one of the events is set; True when it was finished."""
    task = asyncio.ensure_future(work)
    stops = [asyncio.ensure_future(each.wait()) for each in (event, *others)]
    try:
        await asyncio.wait((task, *stops), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
            return True
        return False
    finally:
        for stop in stops:
            stop.cancel()
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
