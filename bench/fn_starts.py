"""Cold starts: the first call of a function that has no process, until its answer.

1. The peer starts the same program by hand, waits until its socket is there (looking every millisecond),
   calls it once directly, and commits six times, synced (WAL, synchronous=FULL).
2. Processes that were started stay until the end, on both sides: what ends them is not measured.
3. Server and processes are on one core, the client on the others.
"""

import asyncio
import itertools
import sqlite3
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench import fn, jobs, raw, servers
from bench.ratio import Measure, Result, side_by_side
from bench.scale import FULL, Scale
from events.journal.store import NewRow

MEASURE = Measure(
    name="cold start of a function, to one by hand with 6 synced commits",
    at_least=1.5,
    goal=1.1,
    lower_is_better=True,
)
BODY = b"x" * 1000
COMMITS = 6


def measure(scale: Scale = FULL) -> Result:
    """Measure seconds of a cold start on either side."""
    numbers = itertools.count()
    with (
        tempfile.TemporaryDirectory() as folder,
        raw.table(Path(folder)) as table,
        servers.serving(fn.CONFIG) as ours,
        ExitStack() as running,
    ):

        def by_hand() -> float:
            return asyncio.run(_by_hand(Path(folder), scale.starts, numbers, table, running))

        return side_by_side(
            MEASURE,
            lambda: asyncio.run(_ours(ours.address, scale.starts, numbers)),
            by_hand,
            rounds=scale.rounds,
        )


async def _ours(address: str, starts: int, numbers: "itertools.count[int]") -> float:
    elapsed = 0.0
    async with jobs.connect(address) as channel:
        method = fn.engage(channel)
        await channel.channel_ready()
        for _ in range(starts):
            called = fn.Called.of(BODY, fn_id=f"cold-{next(numbers)}")
            begin = time.perf_counter()
            last = await fn.call(method, called.messages)
            elapsed += time.perf_counter() - begin
            fn.check(last)
    return elapsed / starts


async def _by_hand(
    folder: Path, starts: int, numbers: "itertools.count[int]", table: sqlite3.Connection, running: ExitStack
) -> float:
    elapsed = 0.0
    for _ in range(starts):
        number = next(numbers)
        place = folder / str(number)
        place.mkdir()
        rows: list[NewRow] = [(f"task/{number}", n, "some.event:1", bytes(200)) for n in range(COMMITS)]
        begin = time.perf_counter()
        running.enter_context(fn.started(place))
        await fn.listening(place / fn.SOCKET)
        async with fn.direct([place / fn.SOCKET]) as (function,):
            await function.call(fn.pieces(BODY))
            for row in rows:
                raw.insert(table, [row])
            elapsed += time.perf_counter() - begin
    return elapsed / starts
