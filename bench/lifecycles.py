"""Whole lives of jobs on a simulated host, against their rows put into a table by sqlite3 alone.

1. A life is CreateJob of one pod, running, StopJob, killed, DeleteJob, deleted; 100 at a time. The client
   asks for each step as soon as the one before is in the journal, which it reads beside the server every
   few milliseconds: so being told costs the server nothing (the rows `watch` and `getjob` are about that).
2. Counted are all events that stand in the journal afterwards, by the second.
3. The peer stores those very rows, 100 in a transaction, each synced to disk (WAL, synchronous=FULL).
4. Our server and the peer are on one core, the client on the others.
"""

import asyncio
import itertools
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench import jobs, raw, servers
from bench.ratio import Measure, Result, side_by_side
from bench.scale import FULL, Scale
from events.journal.store import NewRow
from events.record import id_of

MEASURE = Measure(name="events/s of whole lives of 1-pod jobs, to raw sqlite3", at_least=0.08, goal=0.15)
AT_A_TIME = 100
PEER_TIMES = 5
"""How often the peer stores the rows of a round, each time under other ids: once is over too soon."""
LIFE_S = 60
"""How long one life may take."""
LOOK_S = 0.002


class Lived:
    """What the journal tells of jobs, to whoever waits for it."""

    def __init__(self, journal: sqlite3.Connection) -> None:
        self._journal = journal
        self._waiting: dict[tuple[str, str], tuple[bytes, asyncio.Future[None]]] = {}

    def will_be(self, job: str, step: "Step") -> "asyncio.Future[None]":
        """Return what is done once the step is in the journal; ask before it can be."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[job, step.topic] = step.mark, future
        return future

    async def follow(self) -> None:
        """Read what is appended from now on, until cancelled."""
        seen = raw.head(self._journal)
        while True:
            for revision, stream, _, topic, state in raw.rows_after(self._journal, seen):
                seen = revision
                waiting = self._waiting.get((id_of(stream), topic))
                if waiting is not None and waiting[0] in state:
                    del self._waiting[id_of(stream), topic]
                    waiting[1].set_result(None)
            await asyncio.sleep(LOOK_S)


class Step(NamedTuple):
    """How a step of a job's life looks in the journal."""

    topic: str
    mark: bytes = b""
    """What is in the row's state."""


RUNNING = Step("job.phase_changed:1", b"running")
KILLED = Step("job.phase_changed:1", b"killed")
DELETED = Step("job.deleted:1")


async def _live(client: jobs.Jobs, lived: Lived) -> None:
    request = jobs.create(jobs.new_id())
    job = request.job_id.value
    async with asyncio.timeout(LIFE_S):
        running = lived.will_be(job, RUNNING)
        version = await client.create(request)
        await running
        killed = lived.will_be(job, KILLED)
        version = await client.stop(job, version)
        await killed
        deleted = lived.will_be(job, DELETED)
        await client.delete(job, version)
        await deleted


async def live(server: servers.Server, lives: int) -> float:
    """Have so many jobs live; return the seconds that it took."""
    with raw.journal(server.journal) as journal:
        lived = Lived(journal)
        async with jobs.connect(server.address) as channel:
            client = jobs.Jobs(channel)
            await channel.channel_ready()
            waiting = iter(range(lives))

            async def one_after_another() -> None:
                for _ in waiting:
                    await _live(client, lived)

            following = asyncio.create_task(lived.follow())
            begin = time.perf_counter()
            await asyncio.gather(*(one_after_another() for _ in range(AT_A_TIME)))
            seconds = time.perf_counter() - begin
            following.cancel()
            await asyncio.wait([following])
            return seconds


def _renamed(stream: str, prefix: str) -> str:
    """Return another stream id of the same kind and length."""
    entity, _, id = stream.partition("/")  # noqa: A001 - the name of the thing
    return f"{entity}/{prefix}{id[len(prefix) :]}"


def measure(scale: Scale = FULL) -> Result:
    """Measure events per second on either side."""
    with (
        tempfile.TemporaryDirectory() as folder,
        raw.table(Path(folder)) as table,
        servers.serving(servers.ROOMY) as server,
        raw.journal(server.journal) as journal,
    ):
        stored: list[list[NewRow]] = []
        turns = itertools.count()

        def ours() -> float:
            before = raw.head(journal)
            seconds = asyncio.run(live(server, scale.lives))
            rows = [row[1:] for row in raw.rows_after(journal, before)]
            stored.append(rows)
            return len(rows) / seconds

        def theirs() -> float:
            # In every other round the peer comes first: then it is given the rows of the round before.
            prefixes = [f"{next(turns):08}" for _ in range(PEER_TIMES)]
            rows = [(_renamed(row[0], prefix), *row[1:]) for prefix in prefixes for row in stored[-1]]
            with servers.on_cores({servers.CORE}):
                begin = time.perf_counter()
                raw.insert_in_batches(table, rows)
                return len(rows) / (time.perf_counter() - begin)

        return side_by_side(MEASURE, ours, theirs, rounds=scale.rounds)
