"""What the server does with clients that leave, are slow, send too much, and with methods that fail."""

import asyncio
from typing import Any

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.transport.call import FAILED, Call
from protocol.transport.server import Server
from tests.protocol.transport.serving import served

MANY = 1_000


class Waiting:
    """A method that waits until it is told, or cancelled."""

    def __init__(self) -> None:
        self.began, self.may_end, self.was_cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def __call__(self, request: Any, context: Call) -> bytes:
        del request, context
        self.began.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.was_cancelled.set()
            raise
        return b"waited"


def method(waiting: Waiting) -> Any:
    async def wait(request: Any, context: Call) -> bytes:
        return await waiting(request, context)

    return wait


def open_calls(server: object) -> int:
    assert isinstance(server, Server)
    return len(server._calls)


async def nothing_left(server: object) -> None:
    """Wait until no call is kept."""
    async with asyncio.timeout(10):
        while open_calls(server):  # noqa: ASYNC110 - the core tells nobody
            await asyncio.sleep(0.01)
    assert isinstance(server, Server)
    assert server._held.count == 0


@pytest.mark.asyncio
async def test_who_leaves_cancels_the_method() -> None:
    waiting = Waiting()
    async with served({"/one/wait": method(waiting)}) as (server, channel):
        call = channel.unary_unary("/one/wait")(b"")
        await waiting.began.wait()
        call.cancel()
        await waiting.was_cancelled.wait()
        await nothing_left(server)


@pytest.mark.asyncio
async def test_a_deadline_cancels_the_method() -> None:
    waiting = Waiting()
    async with served({"/one/wait": method(waiting)}) as (server, channel):
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await channel.unary_unary("/one/wait")(b"", timeout=0.1)
        assert ended.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await waiting.was_cancelled.wait()
        await nothing_left(server)


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["one", "both"])
async def test_of_calls_that_leave_at_any_time_nothing_is_kept(kind: str) -> None:
    ran = 0

    async def hurry(request: Any, context: Call) -> bytes:
        nonlocal ran
        ran += 1
        if kind == "both":
            async for message in request:
                await context.write(message)
        await asyncio.sleep(0)
        return b""

    async with served({f"/{kind}/hurry": hurry}) as (server, channel):
        for turns in range(200):
            call: Any = (
                channel.unary_unary("/one/hurry")(b"")
                if kind == "one"
                else channel.stream_stream("/both/hurry")(iter([b"", b""]))
            )
            for _ in range(turns % 20):
                await asyncio.sleep(0)
            call.cancel()
        await nothing_left(server)
        assert isinstance(server, Server)
        answer = (
            await channel.unary_unary("/one/hurry")(b"")
            if kind == "one"
            else [each async for each in channel.stream_stream("/both/hurry")(iter([b"x"]))]
        )
        assert answer in (b"", [b"x", b""])
        assert ran <= 201


@pytest.mark.asyncio
async def test_an_exception_is_ours_and_tells_nothing() -> None:
    async def fail(_: Any, __: Call) -> bytes:
        raise RuntimeError("a secret")

    for name, call in (("/one/fail", "unary_unary"), ("/out/fail", "unary_stream")):
        async with served({name: fail}) as (_, channel):
            made = getattr(channel, call)(name)(b"")
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await (made if name.startswith("/one") else made.read())
            assert (failed.value.code(), failed.value.details()) == (grpc.StatusCode.INTERNAL, FAILED)


@pytest.mark.asyncio
async def test_a_slow_reader_slows_the_writer_down() -> None:
    written = 0
    body = bytes(64 * 1024)

    async def pour(_: Any, context: Call) -> None:
        nonlocal written
        for _ in range(MANY):
            await context.write(body)
            written += 1

    async with served({"/out/pour": pour}) as (_, channel):
        call = channel.unary_stream("/out/pour")(b"")
        assert await call.read() == body
        before = -1
        while before != written:  # until it goes no further
            before = written
            await asyncio.sleep(0.2)
        assert written < MANY / 2
        received = 1
        while await call.read() is not grpc.aio.EOF:
            received += 1
        assert received == MANY


@pytest.mark.asyncio
@pytest.mark.parametrize("count", [0, 1, 2, 5])
async def test_what_a_stream_returns_is_its_last_message(count: int) -> None:
    async def tell(_: Any, context: Call) -> bytes:
        for number in range(count):
            await context.write(b"%d" % number)
        return b"last"

    async with served({"/out/tell": tell}) as (_, channel):
        call = channel.unary_stream("/out/tell")(b"")
        told = [each async for each in call]
        assert told == [*(b"%d" % number for number in range(count)), b"last"]
        assert await call.code() is grpc.StatusCode.OK


@settings(max_examples=40, deadline=None)
@given(
    messages=st.lists(st.tuples(st.sampled_from([0, 1, 10_240, 70_000]), st.booleans()), max_size=12),
    returns=st.booleans(),
)
def test_messages_that_go_together_all_arrive(messages: list[tuple[int, bool]], returns: bool) -> None:  # noqa: FBT001
    """However many go together, of whatever size: nothing waits for what comes only after it."""
    bodies = [bytes([number]) * size for number, (size, _) in enumerate(messages)]
    mores = [more for _, more in messages]

    async def tell(_: Any, context: Call) -> bytes | None:
        for body, more in zip(bodies, mores, strict=True):
            await context.write(body, more=more)
        return b"last" if returns else None

    async def heard() -> list[bytes]:
        async with served({"/out/tell": tell}) as (_, channel), asyncio.timeout(10):
            return [each async for each in channel.unary_stream("/out/tell")(b"")]

    assert asyncio.run(heard()) == [*bodies, *([b"last"] if returns else [])]


@pytest.mark.asyncio
async def test_a_message_that_a_reader_gave_up_on_is_the_next_one() -> None:
    gave_up = asyncio.Event()

    async def read(_: Any, context: Call) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(context.read(), 0.01)
        gave_up.set()
        await asyncio.sleep(0.05)
        first = await context.read()
        assert isinstance(first, bytes)
        await context.write(first)

    async with served({"/both/read": read}) as (_, channel):
        call: Any = channel.stream_stream("/both/read")()
        await gave_up.wait()
        await call.write(b"late")
        assert await call.read() == b"late"


@pytest.mark.asyncio
@pytest.mark.parametrize("pause_s", [0.0, 0.001])
async def test_all_messages_come_in_order_however_they_are_read(pause_s: float) -> None:
    async def count(_: Any, context: Call) -> bytes:
        wanted = 0
        while (message := await context.read()) is not grpc.aio.EOF:
            assert message == b"%d" % wanted
            wanted += 1
            await asyncio.sleep(pause_s * (wanted % 3))
        assert await context.read() is grpc.aio.EOF
        return b"%d" % wanted

    async with served({"/in/count": count}) as (_, channel):
        for number in (1, 5, 6, 7, 8, 40):
            sent = iter([b"%d" % each for each in range(number)])
            assert await channel.stream_unary("/in/count")(sent) == b"%d" % number


@pytest.mark.asyncio
async def test_a_method_that_reads_nothing_is_not_filled_with_messages() -> None:
    may_read = asyncio.Event()

    async def wait(_: Any, context: Call) -> bytes:
        for _ in range(10):
            await context.read()
        await may_read.wait()
        return b""

    async with served({"/in/wait": wait}) as (server, channel):
        call = channel.stream_unary("/in/wait")()
        written = 0

        async def pour() -> None:
            nonlocal written
            while True:
                await call.write(bytes(64 * 1024))
                written += 1

        pouring = asyncio.create_task(pour())
        before = -1
        while before != written:  # until it goes no further
            before = written
            await asyncio.sleep(0.2)
        assert 10 < written < 200
        pouring.cancel()
        may_read.set()
        call.cancel()
        await nothing_left(server)


@pytest.mark.asyncio
async def test_too_much_is_refused_and_the_next_call_answered() -> None:
    async def echo(request: bytes, _: Call) -> bytes:
        return request

    async with served({"/one/echo": echo}) as (server, channel):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.unary_unary("/one/echo")(bytes(200_000))
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await channel.unary_unary("/one/echo")(b"x") == b"x"
        await nothing_left(server)


@pytest.mark.asyncio
async def test_a_method_of_one_request_refuses_none_and_takes_the_first() -> None:
    async def echo(request: bytes, _: Call) -> bytes:
        return request

    async with served({"/one/echo": echo}) as (server, channel):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.stream_unary("/one/echo")(iter(()))
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert await channel.stream_unary("/one/echo")(iter((b"x",))) == b"x"
        await nothing_left(server)


@pytest.mark.asyncio
async def test_a_refused_stream_tells_its_code_though_the_client_writes() -> None:
    async def refuse(_: Any, context: Call) -> None:
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, "who is it?")

    async with served({"/both/refuse": refuse}) as (_, channel):
        for _ in range(100):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await channel.stream_stream("/both/refuse")(iter((b"x",))).read()
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        with pytest.raises(grpc.aio.AioRpcError) as refused:  # nor does it wait for a client that does not
            await channel.stream_stream("/both/refuse")().read()
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.asyncio
async def test_the_end_waits_for_calls_and_then_does_not() -> None:
    patient, cut = Waiting(), Waiting()
    async with served({"/one/patient": method(patient), "/one/cut": method(cut)}) as (server, channel):
        waited = channel.unary_unary("/one/patient")(b"")
        lost = channel.unary_unary("/one/cut")(b"")
        await asyncio.gather(patient.began.wait(), cut.began.wait())
        ending = asyncio.create_task(server.stop(1.0))
        await asyncio.sleep(0)
        patient.may_end.set()
        assert await waited == b"waited"
        with pytest.raises(grpc.aio.AioRpcError):
            await lost
        await ending
        assert cut.was_cancelled.is_set()
        await server.wait_for_termination()


@pytest.mark.asyncio
async def test_what_a_callback_is_told_and_what_is_known_of_a_call() -> None:
    known: dict[str, object] = {}
    over = asyncio.Event()

    async def look(_: Any, context: Call) -> bytes:
        known["remaining"] = context.time_remaining()
        known["metadata"] = dict(context.invocation_metadata())
        known["peer"] = context.peer()
        known["certificate"] = context.auth_context()
        context.add_done_callback(lambda it: over.set() if it.done() else None)
        return b""

    async with served({"/one/look": look}) as (_, channel):
        await channel.unary_unary("/one/look")(b"", metadata=(("name", "value"),))
        assert known["remaining"] is None
        await channel.unary_unary("/one/look")(b"", timeout=50)
        await over.wait()
    assert 0 < float(str(known["remaining"])) < 60  # gRPC itself rounds up
    assert isinstance(known["metadata"], dict)
    assert str(known["peer"]).startswith("ipv4:127.0.0.1:")


@pytest.mark.asyncio
async def test_an_event_that_is_not_handled_harms_no_other() -> None:
    async def echo(request: bytes, _: Call) -> bytes:
        return request

    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, it: told.append(it["message"]))
    async with served({"/one/echo": echo}) as (server, channel):
        assert isinstance(server, Server)
        find, server._find = server._find, None  # type: ignore[assignment, method-assign]
        lost = channel.unary_unary("/one/other")(b"")
        async with asyncio.timeout(10):
            while not told:  # noqa: ASYNC110 - the handler is called by the loop
                await asyncio.sleep(0.01)
        server._find = find  # type: ignore[method-assign]
        assert await channel.unary_unary("/one/echo")(b"x") == b"x"
        lost.cancel()
    assert told == ["a gRPC event was not handled"]
