"""What the user calls jobs and pods, and which ones are meant.

1. `job/ID`, `pod/ID-INSTANCE`; a bare id or a job's name, if only one job has it, will do as well.
2. A pod may also be called by its run, `ID-INSTANCE-RUN`, or as `NAME-INSTANCE`.
"""

import re
from dataclasses import dataclass

from protocol.cli.connection import Connection, Failed
from protocol.cli.exits import Exit
from protocol.pb.peloton.api.v1alpha.job.stateless.svc.stateless_svc_pb2 import (
    GetJobIDFromJobNameRequest,
    GetJobRequest,
)
from protocol.pb.peloton.api.v1alpha.job.stateless.svc.stateless_svc_pb2_grpc import JobServiceStub
from protocol.pb.peloton.api.v1alpha.peloton_pb2 import JobID

UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
POD = re.compile(rf"({UUID})-([0-9]{{1,18}})(?:-([0-9]{{1,18}}))?")
NAMED_POD = re.compile(r"(.+)-([0-9]{1,18})")


class Ambiguous(Failed):
    """Several are meant."""


@dataclass(frozen=True, slots=True)
class PodRef:
    """A pod, perhaps one of its runs."""

    job: str
    instance: int
    run: int = 0
    """0 for the current one."""

    @property
    def name(self) -> str:
        """The pod's name on the wire."""
        return f"{self.job}-{self.instance}"


async def find_job(connection: Connection, text: str) -> str:
    """Find the id of the job that is meant."""
    kind, slash, rest = text.partition("/")
    if slash:
        if kind != "job":
            raise Failed(Exit.USAGE, f"{text}: must be a job, such as job/ID")
        text = rest
    if re.fullmatch(UUID, text):
        return text.lower()
    stub = JobServiceStub(connection.channel)
    try:
        found = await connection.read(stub.GetJobIDFromJobName, GetJobIDFromJobNameRequest(job_name=text))
    except Failed as failed:
        if failed.code is Exit.NOT_FOUND:
            raise Failed(Exit.NOT_FOUND, f"{text}: there is no job of this id or name") from None
        raise
    # Names are kept for ever; what counts is which of them are still there.
    alive = [it.value for it in found.job_id if await exists(connection, it.value)]
    if len(alive) == 1:
        return alive[0]
    if not alive:
        raise Failed(Exit.NOT_FOUND, f"{text}: there is no job of this id or name")
    raise Ambiguous(Exit.USAGE, f"{text}: {len(alive)} jobs have this name; say which: job/{alive[0]} …")


async def exists(connection: Connection, job: str) -> bool:
    """Tell whether a job is still there."""
    stub = JobServiceStub(connection.channel)
    try:
        await connection.read(stub.GetJob, GetJobRequest(job_id=JobID(value=job), summary_only=True))
    except Failed as failed:
        if failed.code is Exit.NOT_FOUND:
            return False
        raise
    return True


async def find_pod(connection: Connection, text: str) -> PodRef:
    """Find the pod that is meant."""
    kind, slash, rest = text.partition("/")
    if slash:
        if kind != "pod":
            raise Failed(Exit.USAGE, f"{text}: must be a pod, such as pod/ID-0")
        text = rest
    if found := POD.fullmatch(text):
        job, instance, run = found.groups()
        return PodRef(job.lower(), int(instance), int(run or 0))
    if found := NAMED_POD.fullmatch(text):
        return PodRef(await find_job(connection, found[1]), int(found[2]))
    raise Failed(Exit.USAGE, f"{text}: must be a pod, such as pod/ID-0 or NAME-0")


def is_pod(text: str) -> bool:
    """Tell whether a text can only mean a pod."""
    return text.startswith("pod/") or POD.fullmatch(text) is not None
