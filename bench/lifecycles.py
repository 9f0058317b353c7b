"""Whole lives of jobs on a simulated host, against their rows put into a table by sqlite3 alone.

1. A life is CreateJob of one pod, running, StopJob, killed, DeleteJob, deleted; 100 at a time. A client
   learns of each step by a watch of all jobs, and asks for the next one at once.
2. Counted are all events that stand in the journal afterwards, by the second.
3. The peer stores those very rows, 100 in a transaction, each synced to disk (WAL, synchronous=FULL).
4. Our server and the peer are on one core, the client on the others.
"""

import asyncio
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc

from bench import jobs, raw, servers
from bench.ratio import Measure, Result, side_by_side
from bench.scale import FULL, Scale
from events.journal.store import NewRow
from protocol.pb.peloton.api.v1alpha.job.stateless.stateless_pb2 import JobState
from protocol.pb.peloton.api.v1alpha.watch import watch_pb2
from protocol.pb.peloton.api.v1alpha.watch.svc import watch_svc_pb2

MEASURE = Measure(name="events/s of whole lives of 1-pod jobs, to raw sqlite3", at_least=0.08, goal=0.15)
WATCH = "/peloton.api.v1alpha.watch.svc.WatchService/Watch"
AT_A_TIME = 100
PEER_TIMES = 5
"""How often the peer stores the rows of a round, each time under other ids: once is over too soon."""
STEP_S = 60
"""How long one step of a life may take."""


class Watched:
    """What a watch of all jobs tells, to whoever waits for it."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, int], asyncio.Future[None]] = {}

    def will_be(self, job: str, state: "JobState.ValueType") -> "asyncio.Future[None]":
        """Return what is done once the job is told to be in a state; ask before it can be."""
        future = self._waiting[job, state] = asyncio.get_running_loop().create_future()
        return future

    async def listen(self, messages: AsyncIterator[watch_svc_pb2.WatchResponse]) -> None:
        """Take in what is told, until the call ends."""
        async for message in messages:
            for job in message.stateless_jobs:
                future = self._waiting.pop((job.job_id.value, job.status.state), None)
                if future is not None:
                    future.set_result(None)


@asynccontextmanager
async def _watching(channel: grpc.aio.Channel) -> AsyncIterator[Watched]:
    everything = watch_svc_pb2.WatchRequest(stateless_job_filter=watch_pb2.StatelessJobFilter())
    call = channel.unary_stream(
        WATCH,
        request_serializer=watch_svc_pb2.WatchRequest.SerializeToString,
        response_deserializer=watch_svc_pb2.WatchResponse.FromString,
    )(everything)
    messages = aiter(call)
    await anext(messages)  # the watch has begun
    watched = Watched()
    listening = asyncio.create_task(watched.listen(messages))
    try:
        yield watched
    finally:
        call.cancel()
        await asyncio.wait([listening])


async def _live(client: jobs.Jobs, watched: Watched) -> None:
    request = jobs.create(jobs.new_id())
    job = request.job_id.value
    async with asyncio.timeout(STEP_S):
        running = watched.will_be(job, JobState.JOB_STATE_RUNNING)
        version = await client.create(request)
        await running
        killed = watched.will_be(job, JobState.JOB_STATE_KILLED)
        version = await client.stop(job, version)
        await killed
        deleted = watched.will_be(job, JobState.JOB_STATE_DELETED)
        await client.delete(job, version)
        await deleted


async def live(address: str, lives: int) -> float:
    """Have so many jobs live; return the seconds that it took."""
    async with jobs.connect(address) as channel, _watching(channel) as watched:
        client = jobs.Jobs(channel)
        waiting: Iterable[int] = iter(range(lives))

        async def one_after_another() -> None:
            for _ in waiting:
                await _live(client, watched)

        begin = time.perf_counter()
        await asyncio.gather(*(one_after_another() for _ in range(AT_A_TIME)))
        return time.perf_counter() - begin


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
            seconds = asyncio.run(live(server.address, scale.lives))
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
