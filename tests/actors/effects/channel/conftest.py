"""A channel, what it told, and workers for it; every process is gone after its test."""

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest_asyncio

from actors.effects.channel import Channel

PATIENCE_S = 60.0
Start = Callable[[str], Awaitable[asyncio.subprocess.Process]]


class Line:
    """A channel and everything it told."""

    def __init__(self, max_frame: int = 1000, name: str = "") -> None:
        self.ready: asyncio.Queue[int] = asyncio.Queue()
        self.lost: asyncio.Queue[str] = asyncio.Queue()
        self.released: list[int] = []
        self.channel = Channel(
            name=name or uuid.uuid4().hex,
            on_ready=self.ready.put_nowait,
            on_lost=self.lost.put_nowait,
            max_frame=max_frame,
        )

    async def run(self, body: bytes, task: str = "task-1") -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self.channel.run(task, body, on_released=self.released.append)

    async def until_ready(self) -> int:
        async with asyncio.timeout(PATIENCE_S):
            return await self.ready.get()

    async def until_lost(self) -> str:
        async with asyncio.timeout(PATIENCE_S):
            return await self.lost.get()


@pytest_asyncio.fixture
async def line() -> AsyncIterator[Line]:
    line = Line()
    await line.channel.open()
    yield line
    await line.channel.close()


@pytest_asyncio.fixture
async def start(line: Line) -> AsyncIterator[Start]:
    started = []

    async def start(name: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.actors.effects.channel.programs", name),
            env={**os.environ, **dict(line.channel.environment)},
            stderr=asyncio.subprocess.DEVNULL,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.wait()
