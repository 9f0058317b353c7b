"""From kill -9 to ready with 100 000 live simulated pods, over reading their events raw.

1. One job of so many pods is made, and runs; the server is ended by SIGKILL, and started again. Its time
   is from the start of the process to its ready line: interpreter, imports, views, actors, hosts.
2. After the ready line all pods must still run, or the row fails. Then it is killed again.
3. The peer reads all rows of that journal by sqlite3 in Python, pages in memory at a time, on the same core.
4. Nothing is warmed up, as after a crash; the machine has the file in its cache for both.
"""

import asyncio
import tempfile
import time
from pathlib import Path

from bench import jobs, raw, servers
from bench.lives import have
from bench.ratio import Measure, Result, of_rounds, tell
from bench.scale import FULL, Scale
from protocol.pb.peloton.api.v1alpha.job.stateless.stateless_pb2 import JobState

MEASURE = Measure(
    name="kill -9 to ready with 100 k live pods, over reading their rows",
    at_least=10,
    goal=4,
    lower_is_better=True,
)
RUN_S = 600
"""How long it may take until all pods run."""


async def _run(address: str, pods: int) -> str:
    """Make a job; return its id when all of it runs."""
    request = jobs.create(jobs.new_id(), pods=pods)
    async with jobs.connect(address) as channel:
        client = jobs.Jobs(channel)
        await client.create(request)
        job = request.job_id.value
        await jobs.until(lambda: client.status(job), have(pods, JobState.JOB_STATE_RUNNING), within_s=RUN_S)
    return job


async def _check(address: str, job: str, pods: int) -> None:
    """Raise when not all pods run."""
    async with jobs.connect(address) as channel:
        status = await jobs.Jobs(channel).status(job)
    if not have(pods, JobState.JOB_STATE_RUNNING)(status):
        raise RuntimeError(f"after the restart not all of {pods} pods run: {status}")


def _read_s(file: Path) -> float:
    with raw.journal(file) as journal, servers.on_cores({servers.CORE}):
        begin = time.perf_counter()
        raw.read(journal)
        return time.perf_counter() - begin


def measure(scale: Scale = FULL) -> Result:
    """Measure seconds of either."""
    ratios: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        with servers.serving(servers.ROOMY, data) as server:
            job = asyncio.run(_run(server.address, scale.entities))
            server.kill()
        for turn in range(scale.restarts):
            begin = time.perf_counter()
            with servers.serving(servers.ROOMY, data) as server:
                ours = time.perf_counter() - begin
                asyncio.run(_check(server.address, job, scale.entities))
                server.kill()
            theirs = _read_s(server.journal)
            ratios.append(ours / theirs)
            tell(MEASURE, turn, f"{ours:.2f} s / {theirs:.2f} s = {ratios[-1]:.2f}")
    return of_rounds(MEASURE, ratios)
