"""What is not about jobs: deadlines, vanishing clients, sizes, broken bytes, and what stands beside."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import cast

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as svc
from protocol.unimplemented import SERVICES
from tests.conformance.peloton.client import Client, Code, refused, unique, watch_jobs
from tests.conformance.peloton.server import QUICK, SIMULATED, Server, serving
from tests.conformance.peloton.stubs import Whole
from tests.protocol.peloton.messages import container, job, pod

MEBIBYTE = 2**20
PATH = "/peloton.api.v1alpha.job.stateless.svc.JobService/"


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server that takes messages of a mebibyte."""
    with serving(
        tmp_path_factory.mktemp("narrow"), SIMULATED + QUICK + "[limits]\nmessage_mb = 1\n"
    ) as server:
        yield Client(server.grpc)


def raw(client: Client, path: str, body: bytes) -> bytes:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = client.channel.unary_unary(
        path, request_serializer=bytes, response_deserializer=bytes
    )
    return call(body, timeout=60)


def ids(client: Client, name: str) -> int:
    """How many jobs there are of a name."""
    answer = client.jobs.QueryJobs(svc.QueryJobsRequest(spec={"name": name}))  # type: ignore[arg-type]
    return answer.pagination.total


def test_a_message_over_the_limit_is_refused_and_nobody_else_is(narrow: Client) -> None:
    watch = narrow.watches.Watch(watch_jobs(), timeout=60)
    next(watch)
    labels = {"description": "x" * 60_000}
    big = job(default_spec=pod(*[container("x" * 100_000) for _ in range(20)]), **labels)
    assert big.ByteSize() > MEBIBYTE
    with refused(Code.RESOURCE_EXHAUSTED):
        narrow.create(big)
    made = narrow.create(job(instance_count=1, default_spec=pod(container("x" * 100_000)), **labels))
    assert next(watch).stateless_jobs[0].job_id.value == made.id
    watch.cancel()


@pytest.mark.parametrize("body", [b"\xff", b"\x12\xff\xff\xff\xff\x0f", b"\x08", b"\x0a\x03\xff\xfe\xfd"])
@pytest.mark.parametrize("method", ["CreateJob", "GetJob", "QueryJobs"])
def test_bytes_that_are_no_message_are_refused(client: Client, method: str, body: bytes) -> None:
    with refused(Code.INVALID_ARGUMENT):
        raw(client, PATH + method, body)


def test_a_method_that_is_not_there(client: Client) -> None:
    for path in (PATH + "NoSuchMethod", "/no.such.Service/Method", "/"):
        with refused(Code.UNIMPLEMENTED):
            raw(client, path, b"")


def test_fields_of_later_versions_are_ignored(client: Client) -> None:
    unknown = b"\xfa\x7d\x03abc"  # field 2015, bytes
    made = svc.CreateJobResponse.FromString(
        raw(client, PATH + "CreateJob", svc.CreateJobRequest(spec=job()).SerializeToString() + unknown)
    )
    assert made.version.value == "1-1-1"


def test_a_deadline_ends_a_call_and_not_the_command(client: Client) -> None:
    """Whether it was done or not, it was not half done; most are cut off somewhere on the way.

    They are sent at once: no server does so many in the few milliseconds that each of them has.
    """
    name = unique()
    request = svc.CreateJobRequest(spec=job(name=name, instance_count=1))
    calls = [client.jobs.CreateJob.future(request, timeout=step / 25_000) for step in range(100)]
    ended = Counter(cast("grpc.Call", call).code() for call in calls)
    assert ended[Code.DEADLINE_EXCEEDED]
    assert ended.keys() <= {Code.OK, Code.DEADLINE_EXCEEDED}
    for job_ in found_jobs(client, name):
        client.await_pods(job_, "RUNNING", 1)
    assert ended[Code.OK] <= ids(client, name) <= len(calls)


def found_jobs(client: Client, name: str) -> list[str]:
    request = svc.GetJobIDFromJobNameRequest(job_name=name)
    try:
        return [it.value for it in client.jobs.GetJobIDFromJobName(request).job_id]
    except grpc.RpcError as error:
        assert error.code() is Code.NOT_FOUND  # noqa: PT017 - none of them was done
        return []


def test_a_client_that_vanishes_half_way_leaves_no_half(simulated: Server, client: Client) -> None:
    name = unique()
    for _ in range(20):
        other = Client(simulated.grpc)
        calls = [
            other.jobs.CreateJob.future(svc.CreateJobRequest(spec=job(name=name, instance_count=2)))
            for _ in range(5)
        ]
        other.watches.Watch(watch_jobs(start=1))
        other.jobs.ListJobs(svc.ListJobsRequest())
        calls[0].result(20)
        other.channel.close()
    found = found_jobs(client, name)
    assert 20 <= len(found) <= 100
    for job_ in found:
        client.await_pods(job_, "RUNNING", 2)


def test_many_calls_at_once_are_all_answered(client: Client) -> None:
    name = unique()
    request = svc.CreateJobRequest(spec=job(name=name, instance_count=1))
    calls = [client.jobs.CreateJob.future(request, timeout=60) for _ in range(500)]
    made = {call.result(20).job_id.value for call in calls}
    assert len(made) == 500
    assert set(found_jobs(client, name)) == made


def test_health(simulated: Server, client: Client) -> None:
    check: Whole[health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse] = client.channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    names = ["", *(service.full_name for service in SERVICES)]
    for name in names:
        status = check(health_pb2.HealthCheckRequest(service=name)).status
        assert status == health_pb2.HealthCheckResponse.SERVING
    with refused(Code.NOT_FOUND):
        check(health_pb2.HealthCheckRequest(service="nobody"))
    status_code, body = simulated.get("/healthz")
    assert status_code == 200
    assert json.loads(body)["status"] == "ok"


def test_reflection(client: Client) -> None:
    reflect = client.channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    requests = [reflection_pb2.ServerReflectionRequest(list_services="")]
    requests += [
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=service.full_name)
        for service in SERVICES
    ]
    listed, *files = reflect(iter(requests), timeout=60)
    names = {it.name for it in listed.list_services_response.service}
    assert {service.full_name for service in SERVICES} < names
    assert all(file.file_descriptor_response.file_descriptor_proto for file in files)


def test_metrics(simulated: Server, client: Client) -> None:
    def count() -> float:
        status, body = simulated.get("/metrics")
        assert status == 200
        lines = [
            line
            for line in body.decode().splitlines()
            if "GetJobIDFromJobName" in line and "_total{" in line and "NOT_FOUND" in line
        ]
        return sum(float(re.split(r"\s", line)[1]) for line in lines)

    before = count()
    found_jobs(client, unique())
    assert count() == before + 1


def test_http_says_what_is_not_there(simulated: Server) -> None:
    for path in ("/", "/nothing", "/pods/x/1/files/logs/a", "/pods/../../etc/passwd"):
        status, body = simulated.get(path)
        assert status in {400, 404}
        assert json.loads(body)["error"]["code"] == status
