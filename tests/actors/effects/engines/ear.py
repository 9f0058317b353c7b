"""Listens to an engine under test, and waits for what it tells; orders to give it.

1. Nothing here sleeps for a fixed time: waiting ends with what was waited for, or fails with all reports.
"""

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from actors.effects.engines.engine import (
    ContainerExited,
    ContainerStarted,
    Report,
    RunEnded,
    RunKey,
    RunLaunched,
    RunOrder,
)
from events.pod import ContainerSpec, PodSpec, Port

PATIENCE_S = 60.0
KEY = RunKey(pod="pod-1", run=1)


R = TypeVar("R")


def _distinct(reports: Iterable[R]) -> list[R]:
    """Repeats of the same report aside."""
    return list(dict.fromkeys(reports))


class Ear:
    """Keeps all reports of an engine."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.answer: Callable[[Report], None] = lambda _: None
        """Called with each report as it comes."""
        self._news = asyncio.Event()

    def __call__(self, report: Report) -> None:
        self.reports.append(report)
        self.answer(report)
        self._news.set()

    async def until(self, is_enough: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not is_enough():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"never came; told were {self.reports}") from None

    async def launched(self, key: RunKey = KEY) -> None:
        await self.until(lambda: RunLaunched(key=key) in self.reports)

    async def started(self, name: str = "main", key: RunKey = KEY) -> ContainerStarted:
        await self.until(lambda: bool(self.starts(name, key)))
        return self.starts(name, key)[0]

    async def exited(self, name: str = "main", key: RunKey = KEY) -> ContainerExited:
        await self.until(lambda: bool(self.exits(name, key)))
        return self.exits(name, key)[0]

    async def ended(self, key: RunKey = KEY) -> RunEnded:
        await self.until(lambda: bool(self.ends(key)))
        return self.ends(key)[0]

    def starts(self, name: str = "main", key: RunKey = KEY) -> list[ContainerStarted]:
        return _distinct(
            r
            for r in self.reports
            if isinstance(r, ContainerStarted) and r.key == key and r.container == name
        )

    def exits(self, name: str = "main", key: RunKey = KEY) -> list[ContainerExited]:
        return _distinct(
            r for r in self.reports if isinstance(r, ContainerExited) and r.key == key and r.container == name
        )

    def ends(self, key: RunKey = KEY) -> list[RunEnded]:
        return _distinct(r for r in self.reports if isinstance(r, RunEnded) and r.key == key)


def order(*containers: ContainerSpec, key: RunKey = KEY, survives: bool = True) -> RunOrder:
    """Launch these side by side."""
    spec = PodSpec(containers=containers or (shell("exec sleep 1000"),), survives_server=survives)
    return order_of(spec, key=key)


def order_of(spec: PodSpec, *, key: RunKey = KEY, ports: tuple[Port, ...] = ()) -> RunOrder:
    return RunOrder(pod=key.pod, run=key.run, spec=spec, ports=ports, host="host-1")


def shell(script: str, *, name: str = "main") -> ContainerSpec:
    return ContainerSpec(name=name, command=("sh", "-c", script))


def processes_below(directory: Path) -> dict[int, str]:
    """Processes that work in a directory, or were told of it when they were started."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            place = str((entry / "cwd").readlink())
        except OSError:
            continue  # gone, or somebody else's
        if str(directory) in command or place.startswith(str(directory)):
            found[int(entry.name)] = command
    found.pop(os.getpid(), None)
    return found


async def gone(process: int) -> None:
    """Wait until a process is gone."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    loop.add_reader(descriptor, lambda: None if ended.done() else ended.set_result(None))
    try:
        async with asyncio.timeout(PATIENCE_S):
            await ended
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
