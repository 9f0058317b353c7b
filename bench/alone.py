"""Durable, keyed CreateJob calls, one in flight, against an echo and one synced commit in turn.

1. Nobody else calls, so the writer must not wait for more: the time of a reply is one call, one decision
   and one disk sync.
2. The peer is what that is at best: an echo of the same sizes, then the rows of such an append put into
   a table by sqlite3 and synced (WAL, synchronous=FULL), in turn. The client commits them itself, with
   nothing between.
3. Both servers are on one core, the client on the others.
"""

import asyncio
import itertools
import sqlite3
import tempfile
import time
from pathlib import Path

from bench import jobs, raw, servers
from bench.lives import Life
from bench.ratio import Measure, Result, side_by_side
from bench.scale import FULL, Scale
from bench.submission import METHOD, made_ready
from events.record import id_of

MEASURE = Measure(
    name="durable CreateJob, 1 in flight, to an echo and a synced commit", at_least=0.5, goal=0.8
)


async def _one(server: servers.Server) -> Life:
    """Have the server take one request; return what it appended."""
    with raw.journal(server.journal) as journal:
        before = raw.head(journal)
        await jobs.rate(server.address, METHOD, made_ready(1), in_flight=1)
        rows = tuple(row[1:] for row in raw.rows_after(journal, before))
    return Life(id_of(rows[0][0]), rows)


async def _rate_in_turn(address: str, calls: list[jobs.Call], table: sqlite3.Connection, one: Life) -> float:
    """Return how often in a second the echo is called and the rows are stored."""
    stored = [one.again() for _ in calls]
    async with jobs.connect(address) as channel:
        call = jobs.unary(channel, METHOD)
        await channel.channel_ready()
        begin = time.perf_counter()
        for (body, key), batch in zip(calls, stored, strict=True):
            await call(body, metadata=jobs.keyed(key))
            raw.insert(table, batch)
        return len(calls) / (time.perf_counter() - begin)


def measure(scale: Scale = FULL) -> Result:
    """Measure calls per second on either side."""
    rounds = [made_ready(scale.calls_alone) for _ in range(scale.rounds + 1)]
    sent = {"ours": itertools.count(), "peer": itertools.count()}
    with (
        tempfile.TemporaryDirectory() as folder,
        raw.table(Path(folder)) as table,
        servers.serving(servers.NO_ROOM) as ours,
        servers.echo(jobs.created_reply()) as peer,
    ):
        one = asyncio.run(_one(ours))
        return side_by_side(
            MEASURE,
            lambda: asyncio.run(jobs.rate(ours.address, METHOD, rounds[next(sent["ours"])], in_flight=1)),
            lambda: asyncio.run(_rate_in_turn(peer, rounds[next(sent["peer"])], table, one)),
            rounds=scale.rounds,
        )
