"""Commands about pods: pods, watch, logs.

1. Log files are fetched over HTTP from where the server says that they are.
"""

import asyncio
import os
import ssl
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from protocol.cli.connection import Connection, Failed
from protocol.cli.exits import Exit
from protocol.cli.names import find_job, find_pod
from protocol.cli.output import Output
from protocol.cli.printing import as_tree, counts, print_json, print_line, print_rows, short
from protocol.cli.watching import follow
from protocol.pb.peloton.api.v1alpha.job.stateless.stateless_pb2 import JobState
from protocol.pb.peloton.api.v1alpha.job.stateless.svc.stateless_svc_pb2 import (
    ListJobsRequest,
    ListPodsRequest,
)
from protocol.pb.peloton.api.v1alpha.job.stateless.svc.stateless_svc_pb2_grpc import JobServiceStub
from protocol.pb.peloton.api.v1alpha.peloton_pb2 import JobID, PodID, PodName
from protocol.pb.peloton.api.v1alpha.pod.pod_pb2 import PodState, PodSummary
from protocol.pb.peloton.api.v1alpha.pod.svc.pod_svc_pb2 import BrowsePodSandboxRequest, GetPodRequest
from protocol.pb.peloton.api.v1alpha.pod.svc.pod_svc_pb2_grpc import PodServiceStub
from protocol.pb.peloton.api.v1alpha.watch.svc.watch_svc_pb2 import WatchRequest

POLL_S = 0.25
"""Pause between looks at a run that has not begun."""
CHUNK = 65536


async def show_pods(connection: Connection, text: str, output: Output) -> Exit:
    """List the pods of a job, or of all jobs."""
    stub = JobServiceStub(connection.channel)
    if text:
        jobs = [await find_job(connection, text)]
    else:
        jobs = [
            job.job_id.value
            async for message in connection.stream(stub.ListJobs, ListJobsRequest())
            for job in message.jobs
        ]
    found: list[PodSummary] = []
    for job in jobs:
        request = ListPodsRequest(job_id=JobID(value=job))
        try:
            found += [pod async for it in connection.stream(stub.ListPods, request) for pod in it.pods]
        except Failed as failed:
            # Deleted since it was listed.
            if text or failed.code is not Exit.NOT_FOUND:
                raise
    if output is Output.JSON:
        print_json([as_tree(pod) for pod in found])
        return Exit.OK
    print_rows(
        ("POD", "STATE", "GOAL", "RUN", "HOST", "FAILURES", "MESSAGE"),
        (
            (
                f"pod/{pod.pod_name.value}",
                short(PodState.Name(pod.status.state)),
                short(PodState.Name(pod.status.desired_state)),
                pod.status.pod_id.value.rpartition("-")[2],
                pod.status.host,
                pod.status.failure_count,
                pod.status.message,
            )
            for pod in found
        ),
    )
    return Exit.OK


async def watch(connection: Connection, output: Output, *, start: int, job: str, pods: bool) -> Exit:
    """Print changes as they happen, for ever; on stderr, from where it goes on after an interruption."""
    wanted = WatchRequest(start_revision=start)
    found = await find_job(connection, job) if job else ""
    if pods:
        wanted.pod_filter.SetInParent()
        if found:
            wanted.pod_filter.job_id.value = found
    else:
        wanted.stateless_job_filter.SetInParent()
        if found:
            wanted.stateless_job_filter.job_ids.add(value=found)

    def tell(revision: int) -> None:
        sys.stderr.write(f"polyplane: the watch goes on from revision {revision}\n")
        sys.stderr.flush()

    async for message in follow(connection, wanted, on_resume=tell):
        if output is Output.JSON:
            tree = as_tree(message)
            tree["revision"] = message.revision
            print_json(tree, is_line=True)
            continue
        for summary in message.stateless_jobs:
            state = short(JobState.Name(summary.status.state))
            stats = counts(summary.status.pod_stats)
            print_line(f"{message.revision}  job/{summary.job_id.value}  {state}  {summary.name}  {stats}")
        for pod in message.pods:
            state = short(PodState.Name(pod.status.state))
            tail = f"  {pod.status.message}" if pod.status.message else ""
            print_line(f"{message.revision}  pod/{pod.pod_name.value}  {state}  {pod.status.host}{tail}")
    return Exit.OK


@dataclass(frozen=True, slots=True)
class LogFile:
    """Where a log can be fetched, and by what right."""

    url: str
    authorization: str


async def find_log(
    connection: Connection, text: str, *, container: str, stderr: bool, run: int, is_followed: bool
) -> LogFile:
    """Find the log that is meant; one that is followed is waited for."""
    pod = await find_pod(connection, text)
    stub = PodServiceStub(connection.channel)
    run = run or pod.run
    current = (
        await connection.read(
            stub.GetPod, GetPodRequest(pod_name=PodName(value=pod.name), status_only=not container, limit=1)
        )
    ).current
    run = run or int(current.status.pod_id.value.rpartition("-")[2])
    request = BrowsePodSandboxRequest(
        pod_name=PodName(value=pod.name), pod_id=PodID(value=f"{pod.name}-{run}")
    )
    where = None
    while where is None:
        try:
            where = await connection.read(stub.BrowsePodSandbox, request)
        except Failed as failed:
            if failed.code is not Exit.CONFLICT or not is_followed:
                raise
            await asyncio.sleep(POLL_S)
    stream = "stderr" if stderr else "stdout"
    logs = [path for path in where.paths if path.startswith("logs/") and path.endswith(f"/{stream}")]
    if container:
        logs = [path for path in logs if path == f"logs/{quote(container, safe='')}/{stream}"]
    else:
        first = [it.name for it in current.status.containers_status]
        logs.sort(key=lambda path: path.split("/")[1] not in {quote(name, safe="") for name in first[:1]})
    if not logs:
        wanted = f"container {container}" if container else "any container"
        raise Failed(Exit.NOT_FOUND, f"pod/{pod.name}: run {run} has no {stream} of {wanted}")
    query = f"?{urlencode({'follow': 1})}" if is_followed else ""
    scheme = "https" if connection.is_secure else "http"
    host = f"[{where.hostname}]" if ":" in where.hostname else where.hostname
    path = f"/pods/{pod.name}/{run}/files/{quote(logs[0])}"
    authorization = next((value for name, value in connection.metadata if name == "authorization"), "")
    return LogFile(f"{scheme}://{host}:{where.port}{path}{query}", authorization)


def print_log(log: LogFile) -> Exit:
    """Copy a log to stdout as it is."""
    request = urllib.request.Request(log.url)  # noqa: S310 - http or https, made above
    if log.authorization:
        request.add_header("authorization", log.authorization)
    authority = os.environ.get("POLYPLANE_CA")
    context = ssl.create_default_context(cafile=authority) if authority else None
    try:
        with urllib.request.urlopen(request, context=context) as answer:  # noqa: S310 - as above
            while chunk := answer.read1(CHUNK):
                sys.stdout.buffer.write(chunk)
                sys.stdout.buffer.flush()
    except urllib.error.HTTPError as error:
        code = Exit.NOT_FOUND if error.code == 404 else Exit.FAILED  # noqa: PLR2004 - HTTP's "not found"
        raise Failed(code, f"{log.url}: {error.code} {error.reason}") from None
    except OSError as error:
        raise Failed(Exit.UNAVAILABLE, f"{log.url}: {error}") from None
    return Exit.OK
