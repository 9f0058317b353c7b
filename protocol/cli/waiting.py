"""Waits for jobs and pods, as long as there is time.

1. Waiting begins before looking: a change between the two is not missed.
2. Whoever waits is told of every state on the way, so that it is known when the time is up.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from protocol.cli.connection import Connection, Failed
from protocol.cli.exits import Exit
from protocol.cli.progress import Progress
from protocol.cli.watching import follow
from protocol.pb.peloton.api.v1alpha.job.stateless.stateless_pb2 import JobState, JobSummary, WorkflowState
from protocol.pb.peloton.api.v1alpha.job.stateless.svc.stateless_svc_pb2 import GetJobRequest
from protocol.pb.peloton.api.v1alpha.job.stateless.svc.stateless_svc_pb2_grpc import JobServiceStub
from protocol.pb.peloton.api.v1alpha.peloton_pb2 import JobID, PodName
from protocol.pb.peloton.api.v1alpha.pod.pod_pb2 import PodState
from protocol.pb.peloton.api.v1alpha.pod.svc.pod_svc_pb2 import GetPodRequest
from protocol.pb.peloton.api.v1alpha.pod.svc.pod_svc_pb2_grpc import PodServiceStub
from protocol.pb.peloton.api.v1alpha.watch.svc.watch_svc_pb2 import WatchRequest

GOOD = {WorkflowState.WORKFLOW_STATE_SUCCEEDED}
BAD = {
    WorkflowState.WORKFLOW_STATE_ABORTED,
    WorkflowState.WORKFLOW_STATE_FAILED,
    WorkflowState.WORKFLOW_STATE_ROLLED_BACK,
}
STOPPED = {
    JobState.JOB_STATE_KILLED,
    JobState.JOB_STATE_DELETED,
}
ENDED = {
    PodState.POD_STATE_SUCCEEDED,
    PodState.POD_STATE_FAILED,
    PodState.POD_STATE_LOST,
    PodState.POD_STATE_KILLED,
    PodState.POD_STATE_DELETED,
}


def is_settled(summary: JobSummary) -> bool:
    """Tell whether the pods have come up, or will not."""
    return summary.status.workflow_status.state in GOOD | BAD


def is_stopped(summary: JobSummary) -> bool:
    """Tell whether the job has stopped."""
    return summary.status.state in STOPPED


async def wait_for_job(
    connection: Connection,
    job: str,
    is_reached: Callable[[JobSummary], bool],
    timeout_s: float,
    note: Callable[[JobSummary], None],
) -> JobSummary:
    """Follow a job, showing how far it is, until something is reached."""
    try:
        async with asyncio.timeout(timeout_s):
            with Progress() as progress:
                async for summary in states_of_job(connection, job):
                    progress.show(summary)
                    note(summary)
                    if is_reached(summary):
                        return summary
    except TimeoutError:
        raise too_late(f"job/{job}", timeout_s) from None
    raise AssertionError("a watch never ends by itself")


async def states_of_job(connection: Connection, job: str) -> AsyncIterator[JobSummary]:
    """Yield how a job is, now and after every change."""
    watch = WatchRequest()
    watch.stateless_job_filter.job_ids.add(value=job)
    async for message in follow(connection, watch):
        if message.watch_id:
            # What happened before the watch began.
            yield await look(connection, job)
        for summary in message.stateless_jobs:
            yield summary


async def wait_for_pod(
    connection: Connection, pod: str, timeout_s: float, note: Callable[[PodState.ValueType], None]
) -> None:
    """Follow a pod until its run has ended."""
    try:
        async with asyncio.timeout(timeout_s):
            async for state in states_of_pod(connection, pod):
                note(state)
                if state in ENDED:
                    return
    except TimeoutError:
        raise too_late(f"pod/{pod}", timeout_s) from None


async def states_of_pod(connection: Connection, pod: str) -> AsyncIterator[PodState.ValueType]:
    """Yield how a pod is, now and after every change."""
    watch = WatchRequest()
    watch.pod_filter.pod_names.add(value=pod)
    async for message in follow(connection, watch):
        if message.watch_id:
            yield await look_at_pod(connection, pod)
        for summary in message.pods:
            yield summary.status.state
        if message.pods_not_found:
            yield PodState.POD_STATE_DELETED


def too_late(name: str, timeout_s: float) -> Failed:
    """Say that the time is up."""
    return Failed(Exit.UNAVAILABLE, f"{name}: not there yet after {timeout_s:.0f} s")


async def look(connection: Connection, job: str) -> JobSummary:
    """How a job is now; one that is gone is told as deleted."""
    stub = JobServiceStub(connection.channel)
    request = GetJobRequest(job_id=JobID(value=job), summary_only=True)
    try:
        return (await connection.read(stub.GetJob, request)).summary
    except Failed as failed:
        if failed.code is not Exit.NOT_FOUND:
            raise
        gone = JobSummary(job_id=JobID(value=job))
        gone.status.state = JobState.JOB_STATE_DELETED
        return gone


async def look_at_pod(connection: Connection, pod: str) -> PodState.ValueType:
    """How a pod is now; one that is gone is told as deleted."""
    stub = PodServiceStub(connection.channel)
    request = GetPodRequest(pod_name=PodName(value=pod), status_only=True, limit=1)
    try:
        return (await connection.read(stub.GetPod, request)).current.status.state
    except Failed as failed:
        if failed.code is not Exit.NOT_FOUND:
            raise
        return PodState.POD_STATE_DELETED
