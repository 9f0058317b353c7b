"""What every server offers beside the façades: health, reflection, channelz, metrics, authentication."""

import asyncio
import hashlib
from pathlib import Path
from typing import TypeVar, cast

import grpc
import pytest
from google.protobuf.message import Message
from grpc_channelz.v1.channelz_pb2 import GetServersRequest, GetServersResponse
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from protocol.pb.peloton.api.v1alpha.job.stateless.svc.stateless_svc_pb2 import (
    ListJobsRequest,
    QueryJobsRequest,
)
from protocol.pb.peloton.api.v1alpha.job.stateless.svc.stateless_svc_pb2_grpc import JobServiceStub
from protocol.unimplemented import SERVICES
from tests.protocol.server.serving import Serving, serving

JOBS = "peloton.api.v1alpha.job.stateless.svc.JobService"


A = TypeVar("A", bound=Message)


async def ask(it: Serving, path: str, request: Message, answer: type[A]) -> A:
    method = it.channel.unary_unary(path, type(request).SerializeToString, answer.FromString)
    return await method(request)


async def health(it: Serving, service: str = "") -> int:
    request = HealthCheckRequest(service=service)
    return (await ask(it, "/grpc.health.v1.Health/Check", request, HealthCheckResponse)).status


@pytest.mark.asyncio
async def test_health_follows_the_plane(tmp_path: Path) -> None:
    async with serving(tmp_path) as it:
        assert await health(it) == HealthCheckResponse.SERVING
        assert await health(it, JOBS) == HealthCheckResponse.SERVING
        it.plane.is_serving = False
        assert await health(it, JOBS) == HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await health(it, "nobody")
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["x" * 100_000, "\U0001f600" * 3_000, "\0" * 3_000])
async def test_an_unknown_service_is_not_found_however_long_its_name(tmp_path: Path, name: str) -> None:
    async with serving(tmp_path) as it:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await health(it, name)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.asyncio
async def test_a_watch_of_health_ends_with_the_server(tmp_path: Path) -> None:
    async with serving(tmp_path) as it:
        method = it.channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            HealthCheckRequest.SerializeToString,
            HealthCheckResponse.FromString,
        )
        watch = method(HealthCheckRequest())
        assert await watch.read() == HealthCheckResponse(status=HealthCheckResponse.SERVING)
        stop = asyncio.ensure_future(it.server.stop(asyncio.Event()))
        assert await watch.read() == HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await watch.read()
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        await stop
        assert it.plane.notes == ["start", "drain"]


@pytest.mark.asyncio
async def test_reflection_names_every_service(tmp_path: Path) -> None:
    async with serving(tmp_path) as it:
        method = it.channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            ServerReflectionRequest.SerializeToString,
            ServerReflectionResponse.FromString,
        )
        call = method(iter([ServerReflectionRequest(list_services="")]))
        answer = cast("ServerReflectionResponse", await call.read())
        names = {service.name for service in answer.list_services_response.service}
        assert {it.full_name for it in SERVICES} < names
        assert {"grpc.health.v1.Health", "grpc.channelz.v1.Channelz"} < names


@pytest.mark.asyncio
async def test_channelz_tells_of_the_server(tmp_path: Path) -> None:
    async with serving(tmp_path) as it:
        answer = await ask(
            it, "/grpc.channelz.v1.Channelz/GetServers", GetServersRequest(), GetServersResponse
        )
        assert answer.server


@pytest.mark.asyncio
async def test_what_no_facade_builds_is_unimplemented(tmp_path: Path) -> None:
    async with serving(tmp_path) as it:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await JobServiceStub(it.channel).QueryJobs(QueryJobsRequest())
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.asyncio
async def test_without_a_known_token_only_health_answers(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    digest = hashlib.sha256(b"secret").hexdigest()
    tokens.write_text(f'[tokens.a]\nprincipal = "ann"\nroles = ["reader"]\nsha256 = "{digest}"\n')
    async with serving(tmp_path, auth={"tokens_file": str(tokens)}) as it:
        assert await health(it) == HealthCheckResponse.SERVING
        stub = JobServiceStub(it.channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.QueryJobs(QueryJobsRequest())
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ListJobs(ListJobsRequest()).read()
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.QueryJobs(QueryJobsRequest(), metadata=(("authorization", "Bearer secret"),))
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
