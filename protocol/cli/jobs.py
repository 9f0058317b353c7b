"""Commands about jobs: submit, jobs, stop, delete.

1. Whatever changes something may be sent again without doing it twice.
2. Waiting begins before looking: a change between the two is not missed.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from protocol.cli.connection import Connection, Failed
from protocol.cli.exits import Exit
from protocol.cli.names import find_job, find_pod, is_pod
from protocol.cli.output import Output
from protocol.cli.printing import as_tree, counts, print_json, print_line, print_rows, short
from protocol.cli.progress import Progress
from protocol.cli.spec import read_job
from protocol.cli.watching import follow
from protocol.pb.peloton.api.v1alpha.job.stateless.stateless_pb2 import JobState, JobSummary, WorkflowState
from protocol.pb.peloton.api.v1alpha.job.stateless.svc.stateless_svc_pb2 import (
    DeleteJobRequest,
    GetJobRequest,
    QueryJobsRequest,
    StopJobRequest,
)
from protocol.pb.peloton.api.v1alpha.job.stateless.svc.stateless_svc_pb2_grpc import JobServiceStub
from protocol.pb.peloton.api.v1alpha.peloton_pb2 import EntityVersion, JobID, PodName
from protocol.pb.peloton.api.v1alpha.pod.svc.pod_svc_pb2 import StopPodRequest
from protocol.pb.peloton.api.v1alpha.pod.svc.pod_svc_pb2_grpc import PodServiceStub
from protocol.pb.peloton.api.v1alpha.watch.svc.watch_svc_pb2 import WatchRequest

TRIES = 5
"""How often a change is tried again on the version that somebody else made meanwhile."""

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


async def submit(
    connection: Connection, path: Path, output: Output, *, key: str, wait: bool, timeout_s: float
) -> Exit:
    """Make a job of a file."""
    request = read_job(path)
    stub = JobServiceStub(connection.channel)
    due = time.monotonic() + timeout_s
    connection.timeout_s = min(connection.timeout_s, timeout_s)
    created = await connection.write(stub.CreateJob, request, key)
    job = created.job_id.value
    document: dict[str, object] = {"job": f"job/{job}", "version": created.version.value}
    if output is Output.TEXT:
        print_line(f"job/{job}")
    code = Exit.OK
    if wait:
        summary = await wait_until(connection, job, is_settled, due - time.monotonic())
        code = Exit.FAILED if summary.status.workflow_status.state in BAD else Exit.OK
        workflow = WorkflowState.Name(summary.status.workflow_status.state)
        document["state"] = JobState.Name(summary.status.state)
        document["workflow_state"] = workflow
        document["pod_stats"] = dict(summary.status.pod_stats)
        if code is not Exit.OK:
            sys.stderr.write(f"polyplane: job/{job}: the pods did not come up: {short(workflow)}\n")
    if output is Output.JSON:
        print_json(document)
    return code


def is_settled(summary: JobSummary) -> bool:
    """Tell whether the pods have come up, or will not."""
    return summary.status.workflow_status.state in GOOD | BAD


async def wait_until(
    connection: Connection, job: str, is_reached: Callable[[JobSummary], bool], timeout_s: float
) -> JobSummary:
    """Follow a job, showing how far it is, until something is reached."""
    watch = WatchRequest()
    watch.stateless_job_filter.job_ids.add(value=job)
    try:
        async with asyncio.timeout(timeout_s):
            with Progress() as progress:
                async for message in follow(connection, watch):
                    found = list(message.stateless_jobs)
                    if message.watch_id:
                        # What happened before the watch began.
                        found = [await look(connection, job)]
                    for summary in found:
                        progress.show(summary)
                        if is_reached(summary):
                            return summary
    except TimeoutError:
        raise Failed(Exit.UNAVAILABLE, f"job/{job}: not there yet after {timeout_s:.0f} s") from None
    raise AssertionError("a watch never ends by itself")


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


async def show_jobs(
    connection: Connection, output: Output, *, name: str, owner: str, state: str, limit: int
) -> Exit:
    """List jobs, newest first."""
    request = QueryJobsRequest()
    request.spec.name = name
    request.spec.owner = owner
    request.spec.pagination.limit = limit
    request.spec.pagination.max_limit = limit
    if state:
        if f"JOB_STATE_{state.upper()}" not in JobState.keys():  # noqa: SIM118 - an enum, not a dict
            known = ", ".join(short(it).lower() for it in JobState.keys()[1:])
            raise Failed(Exit.USAGE, f"--state: must be one of {known} (got {state})")
        request.spec.job_states.append(JobState.Value(f"JOB_STATE_{state.upper()}"))
    stub = JobServiceStub(connection.channel)
    answer = await connection.read(stub.QueryJobs, request)
    if output is Output.JSON:
        print_json([as_tree(it) for it in answer.records])
        return Exit.OK
    print_rows(
        ("JOB", "NAME", "STATE", "INSTANCES", "PODS"),
        (
            (
                f"job/{it.job_id.value}",
                it.name,
                short(JobState.Name(it.status.state)),
                it.instance_count,
                counts(it.status.pod_stats),
            )
            for it in answer.records
        ),
    )
    return Exit.OK


async def stop(connection: Connection, text: str, output: Output, *, wait: bool, timeout_s: float) -> Exit:
    """Stop a job or a pod."""
    due = time.monotonic() + timeout_s
    if is_pod(text):
        pod = await find_pod(connection, text)
        pods = PodServiceStub(connection.channel)
        await connection.write(pods.StopPod, StopPodRequest(pod_name=PodName(value=pod.name)))
        document: dict[str, object] = {"pod": f"pod/{pod.name}"}
        if output is Output.TEXT:
            print_line(f"pod/{pod.name}")
    else:
        job = await find_job(connection, text)
        stub = JobServiceStub(connection.channel)

        async def send(version: str) -> str:
            request = StopJobRequest(job_id=JobID(value=job), version=EntityVersion(value=version))
            return (await connection.write(stub.StopJob, request)).version.value

        document = {"job": f"job/{job}", "version": await with_version(connection, job, send)}
        if output is Output.TEXT:
            print_line(f"job/{job}")
        if wait:
            left = due - time.monotonic()
            summary = await wait_until(connection, job, lambda it: it.status.state in STOPPED, left)
            document["state"] = JobState.Name(summary.status.state)
    if output is Output.JSON:
        print_json(document)
    return Exit.OK


async def delete(connection: Connection, text: str, output: Output, *, force: bool) -> Exit:
    """Delete a job."""
    job = await find_job(connection, text)
    stub = JobServiceStub(connection.channel)

    async def send(version: str) -> str:
        request = DeleteJobRequest(job_id=JobID(value=job), version=EntityVersion(value=version), force=force)
        await connection.write(stub.DeleteJob, request)
        return version

    await with_version(connection, job, send)
    if output is Output.JSON:
        print_json({"job": f"job/{job}"})
    else:
        print_line(f"job/{job}")
    return Exit.OK


async def with_version(connection: Connection, job: str, send: Callable[[str], Awaitable[str]]) -> str:
    """Send a change for the version that the job has now; again when it has another by then."""
    for left in reversed(range(TRIES)):
        summary = await look(connection, job)
        if summary.status.state == JobState.JOB_STATE_DELETED:
            raise Failed(Exit.NOT_FOUND, f"job/{job}: there is no such job")
        try:
            return await send(summary.status.version.value)
        except Failed as failed:
            if not left or "unexpected entity version" not in str(failed):
                raise
    raise AssertionError("the last try returns or raises")
