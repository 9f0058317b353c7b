"""The life of a real job as rows of the journal, and journals of many such lives.

1. The rows are what our server wrote for a job of simulated pods; another life is the same rows under
   another id of the same length, byte by byte as the server would have written them.
2. A journal of many lives is written as a journal is, in transactions that end with an append.
"""

import asyncio
import tempfile
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from bench import jobs, raw, servers
from events.journal import Journal
from events.journal.store import NewRow
from protocol.pb.peloton.api.v1alpha.job.stateless.stateless_pb2 import JobState, JobStatus
from protocol.pb.peloton.api.v1alpha.pod.pod_pb2 import PodState
from protocol.vocabulary import journal_codec

PODS = 100
"""Of the job whose life is repeated."""
WITHIN_S = 60
COMMIT = 2000
"""About how many rows a transaction has."""


@dataclass(frozen=True, slots=True)
class Life:
    """What was written of one job and its pods."""

    job: str
    rows: tuple[NewRow, ...]
    """In the order of the journal."""

    def again(self) -> list[NewRow]:
        """Return the rows of another job that lives the same life."""
        id = str(uuid.uuid4())  # noqa: A001 - the name of the thing
        old, new = self.job.encode(), id.encode()
        return [
            (
                stream.replace(self.job, id) if self.job in stream else _other(stream),
                version,
                topic,
                state.replace(old, new),
            )
            for stream, version, topic, state in self.rows
        ]

    def of(self, entity: str) -> "Life":
        """Return what was written of the entities of one kind."""
        return replace(self, rows=tuple(row for row in self.rows if row[0].startswith(entity + "/")))


def running(pods: int = PODS) -> Life:
    """Have a server make a job, until all its pods run and nothing more is to be done."""
    return asyncio.run(_live(pods, is_stopped=False))


def stopped(pods: int = PODS) -> Life:
    """Have a server make a job and stop it, until nothing of it runs."""
    return asyncio.run(_live(pods, is_stopped=True))


def write(file: Path, lives: int, life: Life) -> int:
    """Write a journal of so many lives; return how many rows it has."""
    journal = Journal.open(file, journal_codec())
    count = 0
    try:
        waiting: list[NewRow] = []
        for turn in range(lives):
            waiting += life.again()
            if len(waiting) >= COMMIT or turn == lives - 1:
                count += len(journal.store.insert_rows(waiting))
                waiting.clear()
    finally:
        journal.close()
    return count


def have(pods: int, state: "JobState.ValueType") -> Callable[[JobStatus], bool]:
    """Return what tells whether a job is in a state, with all of so many pods."""
    name = JobState.Name(state).replace("JOB_", "POD_")
    assert name in PodState.keys()  # noqa: SIM118 - an enum of protobuf, no mapping
    return lambda status: status.state == state and status.pod_stats.get(name, 0) == pods


async def _live(pods: int, *, is_stopped: bool) -> Life:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        request = jobs.create(jobs.new_id(), pods=pods)
        job = request.job_id.value
        with servers.serving(servers.ROOMY, data) as server:
            async with jobs.connect(server.address) as channel:
                client = jobs.Jobs(channel)
                version = await client.create(request)
                await jobs.until(
                    lambda: client.status(job), have(pods, JobState.JOB_STATE_RUNNING), within_s=WITHIN_S
                )
                if is_stopped:
                    await client.stop(job, version)
                    await jobs.until(
                        lambda: client.status(job), have(pods, JobState.JOB_STATE_KILLED), within_s=WITHIN_S
                    )
            with raw.journal(server.journal) as journal:
                await _quiet(lambda: raw.head(journal))
                rows = [row[1:] for row in raw.rows_after(journal, 0)]
        return Life(job, tuple(_of_job(rows, job)))


async def _quiet(head: Callable[[], int]) -> None:
    """Wait until nothing is written any more."""
    before = -1
    while (now := head()) != before:
        before = now
        await asyncio.sleep(0.5)


def _of_job(rows: Iterable[NewRow], job: str) -> Iterable[NewRow]:
    return (row for row in rows if job in row[0])


def _other(stream: str) -> str:
    """Return the id of another stream of the same kind, of the same length."""
    entity, _, id = stream.partition("/")  # noqa: A001 - the name of the thing
    return f"{entity}/{(uuid.uuid4().hex * 3)[: len(id)]}"
