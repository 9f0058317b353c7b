"""A slot that was had is given back once, whatever happens in whatever order."""

import asyncio
import itertools
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import BinaryIO

import pytest

from actors.effects.exchange import Exchange
from actors.effects.slots import Asked, Lease, Want
from actors.effects.slots.lease import End, Start
from protocol.fn.function import Function
from protocol.fn.functions import Functions
from protocol.fn.logs import Logs
from protocol.fn.pump import Pump, Write
from protocol.fn.rules import Rules
from protocol.fn.translate.engagement import Finished
from protocol.fn.wants import Wants
from protocol.gateway import Call
from protocol.pb.fn import runner_pb2 as pb
from tests.protocol.fn.machine import call, frame

pytestmark = pytest.mark.asyncio
TURNS = 8
"""Turns of the loop within which everything here has happened."""


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


class Slots:
    """Gives one slot after so many turns of the loop, and counts."""

    def __init__(self, exchange: Exchange, after: int) -> None:
        self.exchange = exchange
        self.after = after
        self.given = 0
        self.settled: list[bool] = []
        self.ends: list[End] = []
        self.asked: Asked | None = None
        self.is_withdrawn = False

    def ask(self, want: Want) -> Asked:
        self.asked = Asked(want, 1, asyncio.get_running_loop().create_future())
        return self.asked

    def withdraw(self, asked: Asked) -> None:
        assert asked is self.asked
        self.is_withdrawn = True

    async def acquire(self, asked: Asked) -> Lease:
        assert asked is self.asked
        await turns(self.after)
        self.given += 1
        return Lease("slot", "task/1", "pod", self.exchange, 1, Start(), self.settle)

    def settle(self, lease: Lease, end: End, *, is_kept: bool) -> Awaitable[None]:
        assert lease.slot
        self.ends.append(end)
        self.settled.append(is_kept)
        return turns(2)


class NoFiles:
    """Nobody reads logs here."""

    def open_file(self, pod: str, run: int, path: str) -> BinaryIO:
        raise FileNotFoundError(pod, run, path)


async def messages(
    half_closes: int, *, is_invoked: bool, is_whole: bool = False
) -> AsyncIterator[pb.ClientMsg]:
    yield call(json.dumps({"id": "c", "image": "img", "timeout": 5}))
    if is_invoked:
        yield frame(b"x", eof=is_whole)
    await turns(half_closes)


async def write(message: pb.RunnerMsg, /, *, more: bool = False) -> None:
    raise AssertionError(message, more)


def pump_of(
    asked: AsyncIterator[pb.ClientMsg],
    say: Write,
    slots: Slots,
    behind: list[Awaitable[None]],
    now: Callable[[], int] = lambda: 1,
) -> Pump:
    return Pump(
        messages=asked,
        write=say,
        slots=slots,
        wants=Wants(Functions({"img": Function(command=("true",))}, dict), Rules()),
        rules=Rules(),
        call=Call(principal="p", origin="o", request_id="r"),
        logs=Logs(NoFiles(), lambda: 1),
        now=now,
        behind=behind.append,
    )


@pytest.mark.parametrize("is_invoked", [False, True])
@pytest.mark.parametrize("slot_comes", range(TURNS))
async def test_who_leaves_in_any_moment_leaves_no_slot_behind(slot_comes: int, *, is_invoked: bool) -> None:
    """The client half-closes, is cancelled, and a slot comes: each in any turn of the loop."""
    for half_closes, leaves in itertools.product(range(TURNS), range(2 * TURNS)):
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        _, exchange = await loop.create_connection(lambda: Exchange(header_limit=1000), sock=ours)
        slots = Slots(exchange, slot_comes)
        behind: list[Awaitable[None]] = []
        pump = pump_of(messages(half_closes, is_invoked=is_invoked), write, slots, behind)
        running = asyncio.ensure_future(pump.run())
        await turns(leaves)
        running.cancel()
        await asyncio.wait((running,))
        for work in behind:
            await work
        await turns(1)
        exchange.close()
        theirs.close()
        assert len(slots.settled) == slots.given, (half_closes, leaves)
        assert all(end.kind is not None for end in slots.ends)
        assert slots.is_withdrawn or slots.asked is None


ANSWER = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"
CUTS = list(itertools.combinations_with_replacement(range(0, len(ANSWER) + 1, 9), 2))


@pytest.mark.parametrize("cuts", CUTS)
async def test_an_answer_is_the_same_however_it_comes(cuts: tuple[int, int]) -> None:
    """It is whole before the client has all of it: then its end is stored meanwhile, and it is said after."""
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    _, exchange = await loop.create_connection(lambda: Exchange(header_limit=1000), sock=ours)
    slots = Slots(exchange, 0)
    said: list[pb.RunnerMsg] = []
    settled_before: list[int] = []

    async def write(message: pb.RunnerMsg, /, *, more: bool = False) -> None:
        assert isinstance(more, bool)
        settled_before.append(len(slots.settled))
        await turns(3)  # a client that takes its time
        said.append(message)

    pump = pump_of(messages(0, is_invoked=True, is_whole=True), write, slots, [])
    running = asyncio.ensure_future(pump.run())
    await turns(TURNS)
    for part in (ANSWER[: cuts[0]], ANSWER[cuts[0] : cuts[1]], ANSWER[cuts[1] :]):
        theirs.send(part)
        await turns(TURNS)
    last = await running
    assert isinstance(last, Finished)
    assert last.message.finished.success
    assert said[0].result_start.http.status_code == 200
    assert b"".join(message.data.data for message in said[1:]) == b"abcdef"
    assert slots.settled == [True]
    assert slots.ends == [End()]
    if cuts == (0, 0):
        assert settled_before == [1, 1, 1]  # it came in one piece, and the first word waited for the store
    exchange.close()
    theirs.close()


@pytest.mark.parametrize("leaves", range(2 * TURNS))
async def test_who_leaves_while_the_rest_is_said_changes_nothing(leaves: int) -> None:
    """The answer is whole, and the client takes its time and goes: in any turn of the loop."""
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    _, exchange = await loop.create_connection(lambda: Exchange(header_limit=1000), sock=ours)
    slots, behind = Slots(exchange, 0), list[Awaitable[None]]()

    async def write(message: pb.RunnerMsg, /, *, more: bool = False) -> None:
        assert message.WhichOneof("body") in ("result_start", "data"), more
        await turns(3)

    running = asyncio.ensure_future(
        pump_of(messages(0, is_invoked=True, is_whole=True), write, slots, behind).run()
    )
    await turns(TURNS)
    theirs.send(ANSWER)
    while not slots.settled:
        await turns(1)
    await turns(leaves)
    running.cancel()
    await asyncio.wait((running,))
    for work in behind:
        await work
    assert (slots.settled, slots.ends) == ([True], [End()])
    exchange.close()
    theirs.close()


async def test_a_clock_that_is_turned_back_gives_no_call_more_time() -> None:
    """The slot came a second after the epoch; an hour before it the call has had its time."""
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    _, exchange = await loop.create_connection(lambda: Exchange(header_limit=1000), sock=ours)
    slots, behind = Slots(exchange, 0), list[Awaitable[None]]()

    async def asked() -> AsyncIterator[pb.ClientMsg]:
        yield call(json.dumps({"id": "c", "image": "img", "timeout": 1}))
        yield frame(b"x", eof=True)
        await asyncio.Event().wait()

    async with asyncio.timeout(30):
        last = await pump_of(asked(), write, slots, behind, lambda: -3_600_000_000).run()
    assert isinstance(last, Finished)
    assert last.message.finished.errorStr == "Timed out"
    exchange.close()
    theirs.close()
