"""A server in the test's own loop, over a fake plane."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from protocol.auth import Authenticator
from protocol.configuration import load
from protocol.server import Server, build
from tests.protocol.server.fake import FakePlane


@dataclass(slots=True)
class Serving:
    """What tests look at."""

    server: Server
    plane: FakePlane
    channel: grpc.aio.Channel


@asynccontextmanager
async def serving(path: Path, **settings: object) -> AsyncIterator[Serving]:
    """Serve until the test is over."""
    loaded = load({"data": str(path), "listen": "127.0.0.1:0", "http": "127.0.0.1:0", **settings}).settings
    plane = FakePlane(path)
    (path / "pods").mkdir(exist_ok=True)
    async with AsyncExitStack() as down:
        authenticator = Authenticator(loaded.auth.tokens_file)
        server = await build(loaded, plane, lambda *_: {}, authenticator, down)
        await plane.start()
        await server.start()
        channel = await down.enter_async_context(grpc.aio.insecure_channel(server.grpc_address))
        yield Serving(server, plane, channel)
        await server.stop(asyncio.Event())
