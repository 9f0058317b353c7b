"""Long bodies through a function: how fast, and what of them our server has in memory.

1. A function reads so many bytes and throws them away, then answers as many: a body in either direction,
   because the protocol has no answer before the question is whole.
2. Speed is bytes a second of both directions, to the direct call of the same program; both clients send
   the same pieces, and neither is what is waited for (caller.py). Server and function are on one core,
   the client on the others: the direct call has a core for each end.
3. Memory is by how much the server's peak of resident memory (VmHWM) grows above what it has before the
   call, once it has done such a call. The figure is megabytes (2^20 bytes) and stands where the other
   rows have their ratio.
"""

import asyncio
import time
from pathlib import Path

from bench import fn, servers
from bench.caller import calling
from bench.ratio import Measure, Result, of_rounds, side_by_side, tell
from bench.scale import FULL, Scale

SPEED = Measure(name="bytes/s of 100 MB through a function, to a direct call", at_least=0.3, goal=0.5)
MEMORY = Measure(
    name="MB by which the server grows over 100 MB in and out", at_least=32, goal=8, lower_is_better=True
)
MEGABYTE = 10**6
LEAST_MB = 0.01
"""A figure, where nothing grows."""


def measure(scale: Scale = FULL) -> list[Result]:
    """Measure both."""
    with servers.serving(fn.CONFIG) as ours, fn.by_hand(1) as (socket,):
        body = bytes(scale.stream_mb * MEGABYTE)
        called = fn.Called.of(body, answer=len(body))
        speed = side_by_side(
            SPEED,
            lambda: _through(ours.address, called, len(body)),
            lambda: asyncio.run(_directly(socket, body)),
            rounds=scale.rounds,
        )
        grown = []
        for turn in range(scale.rounds):
            before = _begin_peak(ours.process.pid)
            _through(ours.address, called, len(body))
            grown.append(max(LEAST_MB, (_kb(ours.process.pid, "VmHWM") - before) / 1024))
            tell(MEMORY, turn, f"{grown[-1]:.2f} MB")
        return [speed, of_rounds(MEMORY, grown)]


def _through(address: str, called: fn.Called, size: int) -> float:
    """Return bytes per second, of both directions."""
    with calling(address, fn.METHOD) as caller:
        caller.call(fn.Called.of(b"").messages)
        spent = caller.call(called.messages)
    (stream,) = spent.streams
    fn.check(stream.last)
    if stream.received < size:
        raise RuntimeError(f"{stream.received} bytes came of {size}")
    return 2 * size / spent.seconds


async def _directly(socket: Path, body: bytes) -> float:
    """Return bytes per second, of both directions."""
    async with fn.direct([socket]) as (function,):
        await function.call(fn.pieces(b""))
        begin = time.perf_counter()
        received = await function.call(fn.pieces(body), answer=len(body))
        elapsed = time.perf_counter() - begin
        if received != len(body):
            raise RuntimeError(f"{received} bytes came of {len(body)}")
        return 2 * len(body) / elapsed


def _begin_peak(process: int) -> int:
    """Forget the peak of a process; return the kilobytes that it has resident."""
    Path(f"/proc/{process}/clear_refs").write_text("5")
    return _kb(process, "VmRSS")


def _kb(process: int, name: str) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))
