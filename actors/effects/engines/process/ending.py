"""Ends everything that runs below one data directory: the runs of all its hosts, and their agents.

1. Whoever calls holds the data directory: no server starts anything meanwhile.
2. What runs is read from the records; where an agent is gone another takes its place, adopts and ends.
3. The journal is not touched: the next server hears from the records how the runs ended, and does what
   is wanted then.
"""

import asyncio
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from actors.effects.engines.engine import Report
from actors.effects.engines.process.engine import ProcessEngine
from actors.effects.engines.process.layout import HostFiles, file_name
from actors.effects.engines.process.record import Record
from actors.effects.engines.process.run import RunName

_ROUNDS = 3
"""How often it is looked again for what is left: each round gives the runs of a host some seconds."""
_LEAVES_S = 5.0
"""How long an agent may take to leave once its runs have ended."""
_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of everything."""

    runs: tuple[RunName, ...]
    """Runs that were at work, and have ended."""
    left: tuple[RunName, ...]
    """Runs that are at work still."""
    hosts: tuple[str, ...]
    """Hosts whose agents are there still."""


async def end_everything(data: Path) -> Ended:
    """End all runs, SIGTERM before SIGKILL, and have the agents leave."""
    before = tuple(run for run, _ in runs_at_work(data))
    for _ in range(_ROUNDS):
        hosts = {host for _, host in runs_at_work(data)} | set(hosts_with_agent(data))
        if not hosts:
            break
        await asyncio.gather(*(_end(data, host) for host in sorted(hosts)))
    left = tuple(run for run, _ in runs_at_work(data))
    return Ended(tuple(run for run in before if run not in left), left, tuple(hosts_with_agent(data)))


def runs_at_work(data: Path) -> Iterator[tuple[RunName, str]]:
    """All runs that were begun and have no end on record, each with its host."""
    for directory in sorted(data.glob("pods/*/*/record")):
        record = Record(directory)
        number = directory.parent.name
        if not number.isdigit() or record.has("ended"):
            continue
        order = record.order()
        if order is not None:  # else it was never begun
            yield (directory.parent.parent.name, int(number)), str(order["host"])


def hosts_with_agent(data: Path) -> Iterator[str]:
    """All hosts whose place is taken by an agent."""
    for lock in sorted(data.glob("agents/*.lock")):
        host = unquote(lock.stem)
        with suppress(OSError, ValueError):
            host = str(json.loads(lock.with_suffix(".json").read_bytes())["host"])
        if file_name(host) == lock.stem and _is_taken(lock):
            yield host


async def _end(data: Path, host: str) -> None:
    engine = ProcessEngine(host, data, _ignore, linger_s=1.0)
    try:
        await engine.start()
    except TimeoutError:
        return  # what is left is told
    await engine.close(end_pods=True)
    with suppress(TimeoutError):
        async with asyncio.timeout(_LEAVES_S):
            while _is_taken(HostFiles(data, host).lock):  # noqa: ASYNC110 - another process's, which has no event
                await asyncio.sleep(_PAUSE_S)


def _is_taken(lock: Path) -> bool:
    descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _ignore(_: Report) -> None:
    """Hear nothing: the records say it to the next server."""
