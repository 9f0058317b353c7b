"""Our own API is on the port beside the five others: reflection and health know it."""

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from protocol import inspect
from protocol.services import mount_services
from protocol.transport.server import Server
from protocol.unimplemented import SERVICES
from tests.protocol.peloton.fake import FakeGateway

NAME = "polyplane.inspect.v1.Inspect"
METHODS = {"GetEntity": False, "History": False, "Watch": True, "Revision": False}
"""The methods, each with whether it answers by a stream."""


@pytest.mark.asyncio
async def test_reflection_and_health_know_the_service() -> None:
    server = Server()
    health = mount_services(server, inspect.servicers(FakeGateway()), lambda: True)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    health.look()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            requests = [
                ServerReflectionRequest(list_services=""),
                ServerReflectionRequest(file_containing_symbol=NAME),
            ]
            call = ServerReflectionStub(channel).ServerReflectionInfo(iter(requests))  # type: ignore[arg-type, operator]  # stubs are of the other kind
            listed, described = [answer async for answer in call]
            names = {service.name for service in listed.list_services_response.service}
            assert names > {NAME, *(service.full_name for service in SERVICES)}
            files = [
                FileDescriptorProto.FromString(file)
                for file in described.file_descriptor_response.file_descriptor_proto
            ]
            (service,) = next(file for file in files if file.package == "polyplane.inspect.v1").service
            assert {method.name: method.server_streaming for method in service.method} == METHODS
            answer = await HealthStub(channel).Check(HealthCheckRequest(service=NAME))  # type: ignore[attr-defined]  # as above
            assert answer.status == HealthCheckResponse.SERVING
    finally:
        health.close()
        await server.stop(None)
