"""The server tells clients what grpcio's own would, whatever its methods do.

1. A method is a list of deeds, and so is its client. Both servers are given the same; the client has to see
   the same from either.
2. What differs on purpose is not here but in test_server.py: what an exception tells, and what a method
   returns that answers by a stream.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.transport.serving import Make, ours, served, theirs

Deed = tuple[str, Any]

CODES = [grpc.StatusCode.OK, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.ABORTED]
TRAILING = (("place", "7"), ("raw-bin", b"\x00\xff"))


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client saw."""

    code: grpc.StatusCode
    details: str
    trailing: tuple[tuple[str, str | bytes], ...]
    initial: tuple[tuple[str, str | bytes], ...]
    answers: tuple[bytes, ...]


def deeds(*, writes: bool, reads: bool) -> st.SearchStrategy[list[Deed]]:
    """What a method does before it ends."""
    does = [
        st.tuples(st.just("pause"), st.none()),
        st.tuples(st.just("code"), st.sampled_from(CODES)),
        st.tuples(st.just("details"), st.text(max_size=5)),
        st.tuples(st.just("trailing"), st.just(TRAILING)),
    ]
    if writes:
        does.append(st.tuples(st.just("write"), st.binary(max_size=3)))
    if reads:
        does.append(st.tuples(st.just("read"), st.none()))
    ends = st.sampled_from(["return", "abort"])
    return st.tuples(st.lists(st.one_of(does), max_size=5), ends).map(
        lambda it: [*it[0], (it[1], None)],
    )


async def perform(does: list[Deed], context: Any, kept: list[bytes]) -> bytes:
    for deed, value in does:
        match deed:
            case "pause":
                await asyncio.sleep(0)
            case "code":
                context.set_code(value)
            case "details":
                context.set_details(value)
            case "trailing":
                context.set_trailing_metadata(value)
            case "write":
                await context.write(value)
            case "read":
                message = await context.read()
                kept.append(b"end" if message is grpc.aio.EOF else message)
            case "abort":
                await context.abort(grpc.StatusCode.DATA_LOSS, "as told")
    return b"|".join(kept)


async def seen(kind: str, does: list[Deed], sent: list[bytes], make: Make) -> Seen:
    async def method(request: Any, context: Any) -> bytes | None:
        kept = [request] if isinstance(request, bytes) else []
        answer = await perform(does, context, kept)
        return answer if kind in {"one", "in"} else None

    name = f"/{kind}/method"
    async with served({name: method}, make) as (_, channel):
        answers: list[bytes] = []
        if kind == "one":
            call: Any = channel.unary_unary(name)(sent[0])
        elif kind == "out":
            call = channel.unary_stream(name)(sent[0])
        elif kind == "in":
            call = channel.stream_unary(name)(iter(sent))
        else:
            call = channel.stream_stream(name)()
            # The client of grpcio tells INTERNAL when it writes to a call that has ended.
            for message in sent:
                try:
                    await call.write(message)
                except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                    break
            await call.done_writing()
        try:
            if kind in {"one", "in"}:
                answers.append(await call)
            else:
                answers.extend([answer async for answer in call])
        except grpc.aio.AioRpcError:
            pass
        return Seen(
            await call.code(),
            await call.details(),
            tuple(await call.trailing_metadata()),
            tuple(await call.initial_metadata()),
            tuple(answers),
        )


async def compared(kind: str, does: list[Deed], sent: list[bytes]) -> None:
    assert await seen(kind, does, sent, ours) == await seen(kind, does, sent, theirs)


@given(deeds(writes=False, reads=False), st.binary(max_size=3))
def test_a_request_and_an_answer(does: list[Deed], request: bytes) -> None:
    asyncio.run(compared("one", does, [request]))


@given(deeds(writes=True, reads=False), st.binary(max_size=3))
def test_a_request_and_a_stream_of_answers(does: list[Deed], request: bytes) -> None:
    asyncio.run(compared("out", does, [request]))


@given(deeds(writes=False, reads=True), st.booleans())
def test_a_stream_of_requests(does: list[Deed], is_read_whole: bool) -> None:  # noqa: FBT001
    # Of a method that ends while requests are on their way its client tells INTERNAL, in some cases.
    wanted = 1 + sum(deed == "read" for deed, _ in does)
    asyncio.run(compared("in", [("read", None), *does], [b"x"] * max(1, wanted - is_read_whole)))


@given(deeds(writes=True, reads=True), st.integers(0, 3))
def test_streams_both_ways(does: list[Deed], count: int) -> None:
    reads = [("read", None)] * (count + 1)
    asyncio.run(compared("both", [*reads, *does], [b"x"] * count))


@pytest.mark.asyncio
async def test_a_method_that_there_is_not() -> None:
    for make in (ours, theirs):
        async with served({}, make) as (_, channel):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await channel.unary_unary("/one/other")(b"")
            assert (refused.value.code(), refused.value.details()) == (
                grpc.StatusCode.UNIMPLEMENTED,
                "Method not found!",
            )
