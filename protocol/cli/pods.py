"""Commands about pods: pods, watch.

1. A pod that is gone since its job was listed is left out.
"""

import sys

from protocol.cli.connection import Connection, Failed
from protocol.cli.exits import Exit
from protocol.cli.names import find_job
from protocol.cli.output import Output
from protocol.cli.printing import as_tree, counts, print_json, print_line, print_rows, short
from protocol.cli.watching import follow
from protocol.pb.peloton.api.v1alpha.job.stateless.stateless_pb2 import JobState
from protocol.pb.peloton.api.v1alpha.job.stateless.svc.stateless_svc_pb2 import (
    ListJobsRequest,
    ListPodsRequest,
)
from protocol.pb.peloton.api.v1alpha.job.stateless.svc.stateless_svc_pb2_grpc import JobServiceStub
from protocol.pb.peloton.api.v1alpha.peloton_pb2 import JobID
from protocol.pb.peloton.api.v1alpha.pod.pod_pb2 import PodState, PodSummary
from protocol.pb.peloton.api.v1alpha.watch.svc.watch_svc_pb2 import WatchRequest


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
    """Print changes as they happen, for ever; on stderr, when it waits and from where it goes on."""
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

    def tell(line: str) -> None:
        sys.stderr.write(f"polyplane: {line}\n")
        sys.stderr.flush()

    async for message in follow(connection, wanted, tell=tell, patience_s=connection.timeout_s):
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
