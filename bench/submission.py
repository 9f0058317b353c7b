"""Durable, keyed CreateJob calls against a bare echo of the same sizes, 200 in flight.

1. No host has room, so what is measured is the request's own work: validation, decision, receipt,
   one atomic append synced to disk, and the reply after it.
2. Requests are sent as bytes, so that the client costs the same on both sides.
"""

import asyncio
import itertools
import time
import uuid

import grpc

from bench import servers
from bench.ratio import Measure, Result, side_by_side
from protocol.pb.mesos.v1 import mesos_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2
from protocol.pb.peloton.api.v1alpha.peloton_pb2 import JobID
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2

MEASURE = Measure(name="durable CreateJob, 200 in flight, to a bare echo", at_least=0.5, goal=0.8)
METHOD = "/peloton.api.v1alpha.job.stateless.svc.JobService/CreateJob"
CALLS = 3000
IN_FLIGHT = 200


def request() -> bytes:
    """One job of one pod, with an id of its own as clients give it."""
    command = mesos_pb2.CommandInfo(value="exec sleep 1000")
    container = pod_pb2.ContainerSpec(
        name="main", resource=pod_pb2.ResourceSpec(cpu_limit=1, mem_limit_mb=64), command=command
    )
    spec = stateless_pb2.JobSpec(
        name="bench", owner="bench", instance_count=1, default_spec=pod_pb2.PodSpec(containers=[container])
    )
    return stateless_svc_pb2.CreateJobRequest(
        job_id=JobID(value=str(uuid.uuid4())), spec=spec
    ).SerializeToString()


def reply_size() -> int:
    """Size of an answer to it."""
    reply = stateless_svc_pb2.CreateJobResponse(job_id=JobID(value=str(uuid.uuid4())))
    reply.version.value = "1-1-1"
    return reply.ByteSize()


async def rate(address: str, keys: "itertools.count[int]", *, calls: int, in_flight: int) -> float:
    """Return calls per second."""
    requests = iter([request() for _ in range(calls)])
    async with grpc.aio.insecure_channel(address) as channel:
        call = channel.unary_unary(METHOD)

        async def worker() -> None:
            for body in requests:
                await call(body, metadata=(("idempotency-key", f"bench-{next(keys)}"),))

        begin = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(in_flight)))
        return calls / (time.perf_counter() - begin)


def measure() -> Result:
    """Measure calls per second on either side."""
    servers.keep_client_off()
    keys = itertools.count()
    with servers.polyplane(servers.NO_ROOM) as ours, servers.echo(reply_size()) as peer:
        return side_by_side(
            MEASURE,
            lambda: asyncio.run(rate(ours, keys, calls=CALLS, in_flight=IN_FLIGHT)),
            lambda: asyncio.run(rate(peer, keys, calls=CALLS, in_flight=IN_FLIGHT)),
        )
