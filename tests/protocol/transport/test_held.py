"""What a server does when clients send more than it may hold."""

import asyncio
from functools import partial
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.transport.call import TOO_MUCH, Call
from protocol.transport.held import SHORT, Held
from protocol.transport.server import Server
from tests.protocol.transport.serving import OPTIONS, served
from tests.protocol.transport.test_server import Waiting, method, nothing_left

LIMIT = 50_000


def limited(held: Held) -> Server:
    return Server(OPTIONS, held=held)


@given(st.lists(st.integers(min_value=0, max_value=3 * SHORT)))
def test_no_more_is_held_than_may_be_but_for_one(sizes: list[int]) -> None:
    limit = 2 * SHORT
    held, taken = Held(limit), []
    for size in sizes:
        before = held.count
        if held.take(size):
            taken.append(size)
            assert held.count == sum(taken)
            assert held.count <= limit or not before or size <= SHORT
        else:
            assert held.count == before == sum(taken)
            assert before + size > limit
            assert size > SHORT
            held.give(taken.pop())
    for size in taken:
        held.give(size)
    assert held.count == 0


@pytest.mark.asyncio
async def test_a_request_that_would_be_too_much_is_refused_until_another_has_ended() -> None:
    waiting, held = Waiting(), Held(LIMIT)
    async with served({"/one/wait": method(waiting)}, partial(limited, held)) as (server, channel):
        ask = channel.unary_unary("/one/wait")
        first = ask(b"x" * (LIMIT + 1))  # longer than all that may be held, and alone
        await waiting.began.wait()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ask(b"x" * (SHORT + 1))
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refused.value.details() == TOO_MUCH
        short = ask(b"x" * SHORT)
        waiting.may_end.set()
        assert await short == b"waited"
        assert await first == b"waited"
        assert await ask(b"x" * (SHORT + 1)) == b"waited"
        await nothing_left(server)


@pytest.mark.asyncio
async def test_a_stream_that_nobody_reads_ends_when_it_is_too_much() -> None:
    waiting, held = Waiting(), Held(LIMIT)
    read = 0

    async def some_read(request: Any, context: Call) -> bytes:
        """Read as many messages as are kept ahead only then, and then no more."""
        nonlocal read
        for _ in range(10):
            await anext(request)
            read += 1
        return await waiting(request, context)

    async with served({"/both/wait": some_read}, partial(limited, held)) as (server, channel):
        call = channel.stream_stream("/both/wait")()
        for _ in range(10):
            await call.write(b"")
        await waiting.began.wait()
        assert held.take(LIMIT)  # by others
        await call.write(b"x" * (SHORT + 1))
        assert await call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await call.details() == TOO_MUCH
        await waiting.was_cancelled.wait()
        held.give(LIMIT)
        await nothing_left(server)
    assert read == 10


@pytest.mark.asyncio
async def test_what_is_read_is_held_no_longer() -> None:
    held = Held(LIMIT)
    counts = []

    async def count(request: Any, context: Call) -> bytes:
        del context
        async for message in request:
            await asyncio.sleep(0)
            counts.append((len(message), held.count))
        return b"read"

    async with served({"/in/count": count}, partial(limited, held)) as (server, channel):
        call = channel.stream_unary("/in/count")()
        for _ in range(50):
            await call.write(b"x" * 1_000)
        await call.done_writing()
        assert await call == b"read"
        await nothing_left(server)
    assert len(counts) == 50
    assert all(size == 1_000 and kept <= 8_000 for size, kept in counts)
