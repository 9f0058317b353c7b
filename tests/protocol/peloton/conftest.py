"""A real server on a free port, over a gateway that is only pretended."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import grpc
import pytest_asyncio

from protocol import peloton
from protocol.calls import Calls
from protocol.transport.server import Server
from protocol.unimplemented import mount
from tests.protocol.peloton.fake import NOW, FakeGateway

FILES = ("logs/main/stdout", "sandbox/file")


class FakeSandboxes:
    """Every run has the same files."""

    async def files(self, pod: str, run: int) -> Sequence[str]:
        del pod, run
        return FILES


@dataclass(frozen=True)
class Wire:
    """Both ends of a wire."""

    channel: grpc.aio.Channel
    gateway: FakeGateway


@pytest_asyncio.fixture
async def wire() -> AsyncIterator[Wire]:
    gateway = FakeGateway()
    server = Server()
    port = server.add_insecure_port("127.0.0.1:0")
    servicers = peloton.servicers(
        gateway,
        Calls(peloton.ORIGIN, new_id=gateway.new_id),
        rules=peloton.Rules(),
        sandboxes=FakeSandboxes(),
        http_address=lambda: ("127.0.0.1", 7780),
        now=lambda: NOW,
    )
    mount(server, servicers)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Wire(channel, gateway)
    await server.stop(None)
