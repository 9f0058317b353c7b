"""Quantum jobs: keyed submissions against a bare echo, batches against single calls, readers who wait.

1. One known programme, in clear, and no engine that would run it: what is measured is the request's own
   work, from the look for the key to the reply after an append synced to disk.
2. A batch of a hundred is one call; what counts are executions queued a second. Of either there are as many
   in flight as keep the server busy: 16 batches, 200 calls.
3. All readers wait before the one job that they wait for is cancelled; what counts is the time until the
   last of them has been answered. The peer answers as many calls, sent at once.
4. The echo is sent the same requests of the same method, and answers as many bytes. Both servers are on one
   core, the client on the others.
"""

import asyncio
import itertools
import time
import uuid

import grpc

from bench import jobs, servers
from bench.ratio import Measure, Result, side_by_side
from bench.scale import FULL, Scale
from protocol.pb.rigetti.controller import job_pb2
from protocol.pb.rigetti.controller import service_pb2 as pb

SUBMISSION = Measure(
    name="durable ExecuteControllerJob, 200 in flight, to a bare echo", at_least=0.45, goal=0.8
)
BATCH = Measure(name="executions queued by batches of 100, to single calls", at_least=5, goal=10)
READERS = Measure(
    name="1000 readers of a job that ends, to 1000 echoes", at_least=2, goal=1, lower_is_better=True
)
SERVICE = "/services.controller.Controller/"
CONFIG = servers.NO_ROOM + "[rigetti]\nqueue_capacity = 10000000\n"
PROGRAMME = b'{"format":"local-quil/1","quil":"DECLARE ro BIT[1]\\nH 0\\nMEASURE 0 ro[0]\\n","shots":100}'
IN_FLIGHT = 200
IN_A_BATCH = 100
BATCHES_IN_FLIGHT = 16


def request(*, is_keyed: bool = True) -> pb.ExecuteControllerJobRequest:
    """Ask for one execution, under a key of its own."""
    return pb.ExecuteControllerJobRequest(
        execution_configurations=[job_pb2.JobExecutionConfiguration()],
        encrypted=job_pb2.EncryptedControllerJob(job=PROGRAMME),
        idempotency_key=key() if is_keyed else None,
    )


def key() -> pb.Uuid:
    """Return a key that nobody has used."""
    number = uuid.uuid4().int
    return pb.Uuid(high=number >> 64, low=number & (2**64 - 1))


def reply() -> bytes:
    """Return the answer to it, of the size that it always has."""
    return pb.ExecuteControllerJobResponse(job_execution_ids=[str(uuid.uuid4())]).SerializeToString()


def singles(count: int) -> list[jobs.Call]:
    """Return so many calls."""
    return [(request().SerializeToString(), "") for _ in range(count)]


def batches(count: int) -> list[jobs.Call]:
    """Return so many calls of a hundred requests each."""
    members = [request(is_keyed=False)] * IN_A_BATCH
    return [
        (
            pb.BatchExecuteControllerJobsRequest(requests=members, idempotency_key=key()).SerializeToString(),
            "",
        )
        for _ in range(count)
    ]


def measure(scale: Scale = FULL) -> list[Result]:
    """Measure all three."""
    return [submission(scale), batch(scale), readers(scale)]


def submission(scale: Scale) -> Result:
    """Measure calls per second on either side."""
    rounds = [singles(scale.calls) for _ in range(scale.rounds + 1)]
    sent = {"ours": itertools.count(), "peer": itertools.count()}
    method = SERVICE + "ExecuteControllerJob"
    with servers.polyplane(CONFIG) as ours, servers.echo(reply()) as peer:
        return side_by_side(
            SUBMISSION,
            lambda: asyncio.run(jobs.rate(ours, method, rounds[next(sent["ours"])], in_flight=IN_FLIGHT)),
            lambda: asyncio.run(jobs.rate(peer, method, rounds[next(sent["peer"])], in_flight=IN_FLIGHT)),
            rounds=scale.rounds,
        )


def batch(scale: Scale) -> Result:
    """Measure executions per second, a hundred or one at a time, on servers of their own."""

    def batched(address: str) -> float:
        calls = batches(max(4, scale.calls // 25))
        method = SERVICE + "BatchExecuteControllerJobs"
        return IN_A_BATCH * asyncio.run(jobs.rate(address, method, calls, in_flight=BATCHES_IN_FLIGHT))

    def single(address: str) -> float:
        method = SERVICE + "ExecuteControllerJob"
        return asyncio.run(jobs.rate(address, method, singles(scale.calls), in_flight=IN_FLIGHT))

    with servers.polyplane(CONFIG) as many, servers.polyplane(CONFIG) as one:
        return side_by_side(BATCH, lambda: batched(many), lambda: single(one), rounds=scale.rounds)


def readers(scale: Scale) -> Result:
    """Measure seconds until all are answered."""
    count = min(1000, scale.calls)
    cancelled = pb.GetControllerJobResultsResponse(
        result=job_pb2.ControllerJobExecutionResult(
            status=job_pb2.ControllerJobExecutionResult.USER_CANCELLATION, status_message="x" * 43
        )
    )
    with servers.polyplane(CONFIG) as ours, servers.echo(cancelled.SerializeToString()) as peer:
        return side_by_side(
            READERS,
            lambda: asyncio.run(waited(ours, count)),
            lambda: asyncio.run(echoed(peer, count)),
            rounds=scale.rounds,
        )


async def waited(address: str, count: int) -> float:
    """Return seconds from the cancellation of a job to the last answer to who waits for it."""
    async with jobs.connect(address) as channel:
        submit = jobs.unary(channel, SERVICE + "ExecuteControllerJob")
        answer = pb.ExecuteControllerJobResponse.FromString(await submit(request().SerializeToString()))
        (job,) = answer.job_execution_ids
        read = jobs.unary(channel, SERVICE + "GetControllerJobResults")
        body = pb.GetControllerJobResultsRequest(job_execution_id=job).SerializeToString()
        reading = [asyncio.ensure_future(_call(read, body)) for _ in range(count)]
        status = jobs.unary(channel, SERVICE + "GetControllerJobStatus")
        for _ in range(20):  # one connection keeps the order: by then all readers have come
            await status(pb.GetControllerJobStatusRequest(job_id=job).SerializeToString())
        cancel = jobs.unary(channel, SERVICE + "CancelControllerJobs")
        begin = time.perf_counter()
        await cancel(pb.CancelControllerJobsRequest(job_ids=[job]).SerializeToString())
        await asyncio.gather(*reading)
        return time.perf_counter() - begin


async def echoed(address: str, count: int) -> float:
    """Return seconds until so many calls are answered."""
    async with jobs.connect(address) as channel:
        read = jobs.unary(channel, SERVICE + "GetControllerJobResults")
        body = pb.GetControllerJobResultsRequest(job_execution_id=str(uuid.uuid4())).SerializeToString()
        await read(body)
        begin = time.perf_counter()
        await asyncio.gather(*(_call(read, body) for _ in range(count)))
        return time.perf_counter() - begin


async def _call(method: "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]", body: bytes) -> bytes:
    return await method(body)
