"""Jobs as the rows ask for them: requests as bytes, and calls that are made with many in flight.

1. Requests are made before the clock runs, and replies are not decoded, so that the client costs the
   same on both sides.
2. A call that fails ends the row.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import grpc

from protocol.pb.mesos.v1 import mesos_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as svc
from protocol.pb.peloton.api.v1alpha.peloton_pb2 import EntityVersion, JobID
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2

SERVICE = "/peloton.api.v1alpha.job.stateless.svc.JobService/"

Call = tuple[bytes, str]
"""Request and idempotency key; empty for none."""
R = TypeVar("R")


def create(job: str = "", *, pods: int = 1) -> svc.CreateJobRequest:
    """Ask for a job of equal pods, under an id of the client's, or one that the server chooses."""
    command = mesos_pb2.CommandInfo(value="exec sleep 1000")
    container = pod_pb2.ContainerSpec(
        name="main", resource=pod_pb2.ResourceSpec(cpu_limit=1, mem_limit_mb=64), command=command
    )
    spec = stateless_pb2.JobSpec(
        name="bench",
        owner="bench",
        instance_count=pods,
        default_spec=pod_pb2.PodSpec(containers=[container]),
    )
    return svc.CreateJobRequest(job_id=JobID(value=job), spec=spec)


def new_id() -> str:
    """Return an id as clients make them."""
    return str(uuid.uuid4())


def created_reply() -> bytes:
    """Return the answer to it, of the size that it always has."""
    return svc.CreateJobResponse(
        job_id=JobID(value=new_id()), version=EntityVersion(value="1-1-1")
    ).SerializeToString()


def connect(address: str) -> grpc.aio.Channel:
    """Return a channel that shares its connection with no other."""
    return grpc.aio.insecure_channel(
        address, options=[("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
    )


def unary(channel: grpc.aio.Channel, method: str) -> "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]":
    """Return what calls a method with bytes."""
    return channel.unary_unary(method)


async def rate(address: str, method: str, calls: Iterable[Call], *, in_flight: int) -> float:
    """Return calls per second."""
    waiting = iter(calls)
    made = 0
    async with connect(address) as channel:
        call = unary(channel, method)

        async def caller() -> None:
            nonlocal made
            for body, key in waiting:
                await call(body, metadata=keyed(key))
                made += 1

        await channel.channel_ready()
        begin = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(in_flight)))
        return made / (time.perf_counter() - begin)


def keyed(key: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata that carry a key, or none."""
    return (("idempotency-key", key),) if key else ()


async def until(ask: Callable[[], Awaitable[R]], is_enough: Callable[[R], bool], *, within_s: float) -> R:
    """Ask again and again until the answer is enough; raise TimeoutError when it is not in time."""
    async with asyncio.timeout(within_s):
        while not is_enough(answer := await ask()):  # noqa: ASYNC110 - the server is in another process
            await asyncio.sleep(0.05)
        return answer


class Jobs:
    """A client of the service of jobs."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._create = channel.unary_unary(
            SERVICE + "CreateJob",
            request_serializer=svc.CreateJobRequest.SerializeToString,
            response_deserializer=svc.CreateJobResponse.FromString,
        )
        self._stop = channel.unary_unary(
            SERVICE + "StopJob",
            request_serializer=svc.StopJobRequest.SerializeToString,
            response_deserializer=svc.StopJobResponse.FromString,
        )
        self._delete = channel.unary_unary(
            SERVICE + "DeleteJob",
            request_serializer=svc.DeleteJobRequest.SerializeToString,
            response_deserializer=svc.DeleteJobResponse.FromString,
        )
        self._get = channel.unary_unary(
            SERVICE + "GetJob",
            request_serializer=svc.GetJobRequest.SerializeToString,
            response_deserializer=svc.GetJobResponse.FromString,
        )

    async def create(self, request: svc.CreateJobRequest) -> str:
        """Make a job; answer its version."""
        made: svc.CreateJobResponse = await self._create(request)
        return made.version.value

    async def stop(self, job: str, version: str) -> str:
        """Stop it; answer its version."""
        stopped: svc.StopJobResponse = await self._stop(
            svc.StopJobRequest(job_id=JobID(value=job), version=EntityVersion(value=version))
        )
        return stopped.version.value

    async def delete(self, job: str, version: str) -> None:
        """Delete it."""
        await self._delete(
            svc.DeleteJobRequest(job_id=JobID(value=job), version=EntityVersion(value=version))
        )

    async def status(self, job: str) -> stateless_pb2.JobStatus:
        """Tell how it stands."""
        reply: svc.GetJobResponse = await self._get(
            svc.GetJobRequest(job_id=JobID(value=job), summary_only=True)
        )
        return reply.summary.status
