"""Compares what the server declares with the contract kept in the JSON files beside this one.

1. A contract file holds facts as `facts.py` writes them, by element. It is added to and never
   edited: clients out there were built against every line of it.
2. Nothing of the contract may be missing or different. More than the contract is allowed.
"""

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import grpc
import pytest
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2

from protocol import pb
from protocol.services import mount_services
from protocol.transport.server import Server
from protocol.unimplemented import SERVICES
from tests.conformance.contract.facts import facts

CONTRACTS = sorted(Path(__file__).parent.glob("*.json"))


def contract() -> dict[str, str]:
    """The contracts of all five APIs: no element occurs in two of them."""
    return {element: fact for path in CONTRACTS for element, fact in json.loads(path.read_text()).items()}


def generated_files() -> Iterator[FileDescriptorProto]:
    """What the generated modules declare, all loaded in this process."""
    for module in walk_packages(pb.__path__, f"{pb.__name__}."):
        if module.name.endswith("_pb2"):
            descriptor: FileDescriptor = import_module(module.name).DESCRIPTOR
            yield FileDescriptorProto.FromString(descriptor.serialized_pb)


async def reflected_files(address: str) -> list[FileDescriptorProto]:
    """What a server declares, asked by the names of the contract as a client would."""
    names = [
        element.split(" ")[1] for element in contract() if element.startswith(("service", "message", "enum"))
    ]
    request = reflection_pb2.ServerReflectionRequest
    async with grpc.aio.insecure_channel(address) as channel:
        ask = channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=request.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        files: dict[str, FileDescriptorProto] = {}
        async for reply in ask(request(file_containing_symbol=name) for name in names):
            for file in reply.file_descriptor_response.file_descriptor_proto:
                declared = FileDescriptorProto.FromString(file)
                files[declared.name] = declared
    return list(files.values())


def broken(declared: dict[str, str]) -> dict[str, tuple[str, str | None]]:
    """Elements that the contract states otherwise: what it says, and what is declared."""
    return {
        element: (fact, declared.get(element))
        for element, fact in contract().items()
        if declared.get(element) != fact
    }


def test_the_contract_is_whole() -> None:
    elements = [element.split(" ")[0] for element in contract()]
    counts = {
        kind: elements.count(kind) for kind in ("service", "method", "message", "field", "enum", "value")
    }
    assert counts == {"service": 22, "method": 131, "message": 434, "field": 1127, "enum": 53, "value": 281}
    assert sum(len(json.loads(path.read_text())) for path in CONTRACTS) == len(elements)


def test_the_generated_modules_hold_the_contract() -> None:
    assert broken(facts(generated_files())) == {}


def test_every_service_of_the_contract_is_mounted() -> None:
    services = {element.split(" ")[1] for element in contract() if element.startswith("service ")}
    assert {service.full_name for service in SERVICES} == services


@pytest.mark.asyncio
async def test_reflection_answers_the_contract() -> None:
    list(generated_files())  # reflection knows what is loaded
    server = Server()
    mount_services(server, {}, lambda: True)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        assert broken(facts(await reflected_files(f"127.0.0.1:{port}"))) == {}
    finally:
        await server.stop(None)


def test_a_changed_fact_is_noticed() -> None:
    declared = facts(generated_files())
    changed = "field TryCall.slot_hash_id"
    assert broken(declared | {changed: "string = 4"}) == {changed: ("string = 2", "string = 4")}
    del declared[changed]
    assert broken(declared) == {changed: ("string = 2", None)}
