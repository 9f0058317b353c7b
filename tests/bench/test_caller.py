"""The client that the bench calls functions with, against a server of grpcio's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from bench.caller import Spent, calling

METHOD = "/test.Echo/Call"
BREAKS = b"break"


async def echo(
    requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]
) -> AsyncIterator[bytes]:
    """Answer each message by itself until an empty one comes; the client need not say that it is done."""
    async for request in requests:
        if request == BREAKS:
            await context.abort(grpc.StatusCode.INTERNAL, "broken")
        yield request
        if not request:
            return


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    server = grpc.aio.server()
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(echo)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Call": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("messages", "count", "in_flight"),
    [
        ([b""], 1, 1),
        ([b"a", b"bc", b""], 200, 1),
        ([b"x" * 10_000] * 10 + [b""], 100, 50),  # more than the windows take at once
        ([b"x" * 10_000] * 500 + [b""], 2, 2),
    ],
)
async def test_all_that_is_said_is_answered(messages: list[bytes], count: int, in_flight: int) -> None:
    def call(address: str) -> Spent:
        with calling(address, METHOD) as caller:
            caller.call(messages)
            return caller.call(messages, count=count, in_flight=in_flight)

    async with serving() as address:
        spent = await asyncio.to_thread(call, address)
    assert len(spent.streams) == count
    assert {each.received for each in spent.streams} == {sum(len(each) + 5 for each in messages)}
    assert {each.last for each in spent.streams} == {b""}
    assert spent.seconds > 0


@pytest.mark.asyncio
async def test_a_call_that_is_refused_has_no_last_word() -> None:
    def call(address: str) -> Spent:
        with calling(address, METHOD) as caller:
            return caller.call([b"word", BREAKS])

    async with serving() as address:
        (stream,) = (await asyncio.to_thread(call, address)).streams
    assert stream.last == b"word"
