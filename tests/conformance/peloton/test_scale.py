"""Two thousand pods: run, listed page by page, stopped, deleted; and all the while others are served."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as svc
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.pb.peloton.api.v1alpha.query import query_pb2
from tests.conformance.peloton.client import Client, job_id, watch_jobs
from tests.conformance.peloton.server import SIMULATED, serving
from tests.protocol.peloton.messages import container, job, pod

PODS = 2_000
PAGE = 300


@pytest.fixture
def large(tmp_path: Path) -> Iterator[Client]:
    with serving(tmp_path, SIMULATED, keeps=True) as server:
        yield Client(server.grpc)


def test_a_large_job_lives_and_ends(large: Client) -> None:
    needs = pod_pb2.ResourceSpec(cpu_limit=1, mem_limit_mb=1)
    made = large.create(job(instance_count=PODS, default_spec=pod(container(resource=needs))))
    small = large.run(job(instance_count=1))  # is not held up until all the others run
    await_told(large, made.id, "RUNNING")
    places: dict[str, int] = {}
    for numbers in pages(large, made.id, places):
        assert numbers == sorted(numbers)
    assert sum(places.values()) == PODS
    assert max(places.values()) <= 1_000  # cores of a host
    listed = large.jobs.ListPods(svc.ListPodsRequest(job_id=job_id(made.id)), timeout=60)
    names = [answer.pods[0].pod_name.value for answer in listed]
    assert names == [f"{made.id}-{number}" for number in range(PODS)]
    version = large.stop(made.id, made.version)
    await_told(large, made.id, "KILLED")
    large.await_state(made.id, stateless_pb2.JOB_STATE_KILLED)
    large.delete(made.id, version)
    large.await_deleted(made.id)
    assert large.get(small.id).status.state == stateless_pb2.JOB_STATE_RUNNING


def pages(client: Client, job_: str, places: dict[str, int]) -> Iterator[list[int]]:
    """The numbers of the pods of each page; counts them by host."""
    seen: set[int] = set()
    for offset in range(0, PODS + 1, PAGE):
        spec = pod_pb2.QuerySpec(pagination=query_pb2.PaginationSpec(offset=offset, limit=PAGE))
        request = svc.QueryPodsRequest(job_id=job_id(job_), spec=spec, summary_only=True)
        answer = client.jobs.QueryPods(request, timeout=60)
        assert answer.pagination.total == PODS
        numbers = [int(it.status.pod_id.value.split("-")[5]) for it in answer.pods]
        for it in answer.pods:
            places[it.status.host] = places.get(it.status.host, 0) + 1
        assert not seen.intersection(numbers)
        seen.update(numbers)
        yield numbers
    assert seen == set(range(PODS))


def await_told(client: Client, job_: str, state: str) -> None:
    """Wait for a summary by which all pods are in a state."""
    watch = client.watches.Watch(watch_jobs(job_), timeout=60)
    next(watch)
    if client.get(job_).status.pod_stats[f"POD_STATE_{state}"] < PODS:
        for message in watch:
            if message.stateless_jobs[0].status.pod_stats[f"POD_STATE_{state}"] == PODS:
                break
    watch.cancel()
