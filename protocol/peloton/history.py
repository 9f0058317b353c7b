"""Reading the past of jobs and pods through the gateway, no more of it than is needed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from events.job import JobSpec
from protocol.gateway import Gateway

T = TypeVar("T")


@asynccontextmanager
async def reading(history: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Hold a history open while it is read, and let go of what it holds afterwards."""
    try:
        yield history
    finally:
        close = getattr(history, "aclose", None)
        if close is not None:
            await close()


async def spec_of(gateway: Gateway, job: str, config: int) -> JobSpec | None:
    """Return the spec that was a job's configuration `config`, None when it never had that one."""
    async with reading(gateway.job_history(job)) as history:
        async for _, view in history:
            if view.config == config:
                return view.spec
            if view.config > config:
                return None
    return None


async def is_known(history: AsyncIterator[object]) -> bool:
    """Tell whether an entity ever was."""
    async with reading(history) as events:
        async for _ in events:
            return True
    return False
