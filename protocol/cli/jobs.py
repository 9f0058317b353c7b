"""Commands about jobs: submit, jobs, stop, delete.

1. Whatever changes something may be sent again without doing it twice.
2. What has been made or told to stop is printed, also when the time is up before it is there.
"""

import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from protocol.cli.connection import Connection, Failed
from protocol.cli.exits import Exit
from protocol.cli.names import find_job, find_pod, is_pod
from protocol.cli.output import Output
from protocol.cli.printing import (
    as_tree,
    counts,
    print_json,
    print_line,
    print_rows,
    printed_at_the_end,
    short,
)
from protocol.cli.spec import read_job
from protocol.cli.waiting import BAD, is_settled, is_stopped, look, wait_for_job, wait_for_pod
from protocol.pb.peloton.api.v1alpha.job.stateless.stateless_pb2 import JobState, JobSummary, WorkflowState
from protocol.pb.peloton.api.v1alpha.job.stateless.svc.stateless_svc_pb2 import (
    DeleteJobRequest,
    QueryJobsRequest,
    StopJobRequest,
)
from protocol.pb.peloton.api.v1alpha.job.stateless.svc.stateless_svc_pb2_grpc import JobServiceStub
from protocol.pb.peloton.api.v1alpha.peloton_pb2 import EntityVersion, JobID, PodName
from protocol.pb.peloton.api.v1alpha.pod.pod_pb2 import PodState
from protocol.pb.peloton.api.v1alpha.pod.svc.pod_svc_pb2 import StopPodRequest
from protocol.pb.peloton.api.v1alpha.pod.svc.pod_svc_pb2_grpc import PodServiceStub

TRIES = 5
"""How often a change is tried again on the version that somebody else made meanwhile."""


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

    def note(summary: JobSummary) -> None:
        document["state"] = JobState.Name(summary.status.state)
        document["workflow_state"] = WorkflowState.Name(summary.status.workflow_status.state)
        document["pod_stats"] = dict(summary.status.pod_stats)

    with printed_at_the_end(document, output):
        if not wait:
            return Exit.OK
        summary = await wait_for_job(connection, job, is_settled, due - time.monotonic(), note)
    state = summary.status.workflow_status.state
    if state not in BAD:
        return Exit.OK
    sys.stderr.write(f"polyplane: job/{job}: the pods did not come up: {short(WorkflowState.Name(state))}\n")
    return Exit.FAILED


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
        await stop_pod(connection, text, output, wait=wait, due=due)
    else:
        await stop_job(connection, text, output, wait=wait, due=due)
    return Exit.OK


async def stop_pod(connection: Connection, text: str, output: Output, *, wait: bool, due: float) -> None:
    """Stop a pod; until `due`, wait for its end."""
    pod = await find_pod(connection, text)
    stub = PodServiceStub(connection.channel)
    await connection.write(stub.StopPod, StopPodRequest(pod_name=PodName(value=pod.name)))
    document: dict[str, object] = {"pod": f"pod/{pod.name}"}
    if output is Output.TEXT:
        print_line(f"pod/{pod.name}")

    def note(state: PodState.ValueType) -> None:
        document["state"] = PodState.Name(state)

    with printed_at_the_end(document, output):
        if wait:
            await wait_for_pod(connection, pod.name, due - time.monotonic(), note)


async def stop_job(connection: Connection, text: str, output: Output, *, wait: bool, due: float) -> None:
    """Stop a job; until `due`, wait for its end."""
    job = await find_job(connection, text)
    stub = JobServiceStub(connection.channel)

    async def send(version: str) -> str:
        request = StopJobRequest(job_id=JobID(value=job), version=EntityVersion(value=version))
        return (await connection.write(stub.StopJob, request)).version.value

    document: dict[str, object] = {
        "job": f"job/{job}",
        "version": await with_version(connection, job, send),
    }
    if output is Output.TEXT:
        print_line(f"job/{job}")

    def note(summary: JobSummary) -> None:
        document["state"] = JobState.Name(summary.status.state)

    with printed_at_the_end(document, output):
        if wait:
            await wait_for_job(connection, job, is_stopped, due - time.monotonic(), note)


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
