"""Calls of hot functions: one after the other, many at once, and calls for which there is no room.

1. One after the other: the peer calls the same program directly over its socket and commits twice, as
   much as our server has stored of a call, synced (WAL, synchronous=FULL), in turn. The client commits
   itself.
2. Fifty at once, on slots that have all been used before; the peer is as many processes of the same
   program, each called directly on a connection of its own.
3. No room: the host's memory is held by calls that do not end, and who finds none is not kept waiting.
   The peer is a bare `grpc.aio` echo of a stream: it reads the first message and answers as many bytes.
   Neither client half-closes.
4. Server, echo and function processes are on one core, the client on the others. Who calls functions through
   our server is `caller.py`, which costs little more than the client of the direct call does.
"""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import grpc

from bench import fn, jobs, raw, servers
from bench.caller import calling
from bench.lives import Life
from bench.ratio import Measure, Result, side_by_side
from bench.scale import FULL, Scale
from events.record import id_of
from protocol.pb.fn import runner_pb2 as pb

ALONE = Measure(
    name="hot function calls, 1 in flight, to a direct one and 2 synced commits", at_least=0.4, goal=0.7
)
MANY = Measure(name="hot function calls, 50 in flight, to direct ones", at_least=0.3, goal=0.5)
NO_ROOM = Measure(
    name="a function call without room, to a bare stream echo", at_least=2, goal=1, lower_is_better=True
)
BODY = b"x" * 1000
IN_FLIGHT = 50
STARTED = 10
"""Functions that are started at a time."""
HELD_MB = 100
FULL_HOST = (
    f'[[hosts]]\nname = "here"\ncpu = 1000\nmemory_mb = {HELD_MB}\nengine = "process"\n'
    "[fn]\nblocking = false\n" + fn.FUNCTIONS
)


def measure(scale: Scale = FULL) -> list[Result]:
    """Measure all three."""
    return [alone(scale), many(scale), no_room(scale)]


# ------------------------------------------------------------ one after the other


def alone(scale: Scale) -> Result:
    """Measure calls per second on either side."""
    with (
        tempfile.TemporaryDirectory() as folder,
        raw.table(Path(folder)) as table,
        servers.serving(fn.CONFIG) as ours,
        fn.by_hand(1, fn.KIT) as (socket,),
    ):
        appends = asyncio.run(_appends(ours))
        return side_by_side(
            ALONE,
            lambda: _rate(ours.address, scale.calls_alone, in_flight=1),
            lambda: asyncio.run(_rate_in_turn(socket, scale.calls_alone, table, appends)),
            rounds=scale.rounds,
        )


async def _appends(server: servers.Server) -> list[Life]:
    """Have the server do a call; return what it appended for it, append by append."""
    async with jobs.connect(server.address) as channel:
        method, called = fn.engage(channel), fn.Called.of(BODY, image=fn.KIT)
        fn.check(await fn.call(method, called.messages))
        with raw.journal(server.journal) as journal:
            before = raw.head(journal)
            fn.check(await fn.call(method, called.messages))
            rows = [row[1:] for row in raw.rows_after(journal, before)]
    task = next(id_of(stream) for stream, *_ in rows if stream.startswith("task/"))
    begun = next(n for n, (_, _, topic, _) in enumerate(rows) if topic.startswith("worker.took")) + 1
    return [Life(task, tuple(rows[:begun])), Life(task, tuple(rows[begun:]))]


async def _rate_in_turn(
    socket: Path, calls: int, table: sqlite3.Connection, appends: Sequence[Life]
) -> float:
    """Return how often in a second the function is called directly and the rows are stored."""
    stored = [[each.again() for each in appends] for _ in range(calls)]
    async with fn.direct([socket]) as (function,):
        await function.call(fn.pieces(BODY))
        begin = time.perf_counter()
        for begun, ended in stored:
            raw.insert(table, begun)
            await function.call(fn.pieces(BODY))
            raw.insert(table, ended)
        return calls / (time.perf_counter() - begin)


# ------------------------------------------------------------ many at once


def many(scale: Scale) -> Result:
    """Measure calls per second on either side."""
    with servers.serving(fn.CONFIG) as ours, fn.by_hand(IN_FLIGHT, fn.KIT) as sockets:
        asyncio.run(_warm(ours.address))
        return side_by_side(
            MANY,
            lambda: _rate(ours.address, scale.slow_calls, in_flight=IN_FLIGHT),
            lambda: asyncio.run(_rate_directly(sockets, scale.slow_calls)),
            rounds=scale.rounds,
        )


@asynccontextmanager
async def _held(method: fn.Stream, calls: Sequence[fn.Called]) -> AsyncIterator[None]:
    """Have functions in the middle of calls: accepted, and their bodies not whole."""
    async with AsyncExitStack() as held:
        streams: list[grpc.aio.StreamStreamCall[bytes, bytes]] = []
        for first in range(0, len(calls), STARTED):  # fifty programs that start on one core would all be late
            begun = []
            for called in calls[first : first + STARTED]:
                begun.append(stream := method())
                held.callback(stream.cancel)
                await stream.write(called.messages[0])
            for stream in begun:
                await stream.read()
            streams += begun
        yield
        for stream, called in zip(streams, calls, strict=True):
            await stream.write(called.messages[-1])
            last = await stream.read()
            fn.check(last if isinstance(last, bytes) else b"")


async def _warm(address: str) -> None:
    """Have as many slots as there will be calls at once."""
    async with jobs.connect(address) as channel:
        detached = fn.Called.of(b"", image=fn.KIT, kind="detached")
        async with _held(fn.engage(channel), [detached] * IN_FLIGHT):
            pass


def _rate(address: str, calls: int, *, in_flight: int) -> float:
    messages = fn.Called.of(BODY, image=fn.KIT).messages
    with calling(address, fn.METHOD) as caller:
        caller.call(messages)
        spent = caller.call(messages, count=calls, in_flight=in_flight)
    for stream in spent.streams:
        fn.check(stream.last)
    return calls / spent.seconds


async def _rate_directly(sockets: Sequence[Path], calls: int) -> float:
    async with fn.direct(sockets) as functions:
        waiting = iter(range(calls))

        async def caller(function: fn.Direct) -> None:
            for _ in waiting:
                await function.call(fn.pieces(BODY))

        await asyncio.gather(*(each.call(fn.pieces(BODY)) for each in functions))
        begin = time.perf_counter()
        await asyncio.gather(*(caller(each) for each in functions))
        return calls / (time.perf_counter() - begin)


# ------------------------------------------------------------ no room


def no_room(scale: Scale) -> Result:
    """Measure seconds for a call on either side."""
    called = fn.Called.of(BODY, fn_id="late", memory=HELD_MB)
    with servers.serving(FULL_HOST) as ours, servers.echo(asyncio.run(_refusal(ours, called))) as peer:
        return side_by_side(
            NO_ROOM,
            lambda: asyncio.run(_refused_s(ours.address, called, scale.calls, is_full=True)),
            lambda: asyncio.run(_refused_s(peer, called, scale.calls, is_full=False)),
            rounds=scale.rounds,
        )


async def _refusal(server: servers.Server, called: fn.Called) -> bytes:
    async with jobs.connect(server.address) as channel:
        method = fn.engage(channel)
        async with _held(method, [_holding()]):
            # Without its body: refused while it sends a message, `grpc.aio` tells INTERNAL.
            last = await fn.call(method, called.messages[:1])
    if pb.RunnerMsg.FromString(last).finished.errorCode != 503:
        raise RuntimeError("there was room")
    return last


def _holding() -> fn.Called:
    return fn.Called.of(b"", fn_id="holds", memory=HELD_MB, kind="detached")


async def _refused_s(address: str, called: fn.Called, calls: int, *, is_full: bool) -> float:
    """Return seconds for a call, all of which are refused, or echoed."""
    sizes = set()
    async with jobs.connect(address) as channel, AsyncExitStack() as holding:
        method = fn.engage(channel)
        if is_full:
            await holding.enter_async_context(_held(method, [_holding()]))
        waiting = iter(range(calls))

        async def caller() -> None:
            for _ in waiting:
                sizes.add(len(await fn.call(method, called.messages[:1])))

        begin = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(IN_FLIGHT)))
        elapsed = time.perf_counter() - begin
    if len(sizes) != 1:
        raise RuntimeError("not all calls were answered alike")
    return elapsed / calls
