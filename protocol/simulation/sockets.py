"""Unix sockets in memory: what a server and a process of ours say to each other, late and in order.

1. A side that is gone is noticed later, by its end of what it said, or by what cannot be sent any more.
2. Who does not read makes the other wait.
3. A server that crashed has closed what it had.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from random import Random

from protocol.simulation.loop import Life, SimulatedLoop, context_of, current_life
from protocol.simulation.pace import Pace

FULL = 2_000
"""Bytes that wait for a process before who writes has to wait, too."""
AHEAD = 20_000
"""Bytes that a process may be ahead of who reads it."""

Accept = Callable[["End"], None]


class Wire(asyncio.Transport):
    """A server's side of a connection."""

    def __init__(self, sockets: "Sockets", protocol: asyncio.Protocol, life: Life, place: Context) -> None:
        super().__init__()
        self.life = life
        self.end = End(self)
        self.sockets = sockets
        self._protocol = protocol
        self._place = place
        self._outward: deque[bytes] = deque()
        self._inward: deque[Callable[[], None]] = deque()
        self._due = 0
        """How much came while nobody wanted to read."""
        self._unread = 0
        self._is_full = self._is_closing = self._is_lost = False
        self._is_reading = True

    # ------------------------------------------------------------ for the server

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes."""
        if self._is_closing or self._is_lost:
            return
        if self.end.is_closed:
            self._tell(lambda: self._lose(BrokenPipeError()))
            return
        self._unread += len(data)
        self._outward.append(bytes(data))
        self.sockets.later(self._reach)
        if self._unread > FULL and not self._is_full:
            self._is_full = True
            self._protocol.pause_writing()

    def is_closing(self) -> bool:
        """Return whether nothing is sent any more."""
        return self._is_closing

    def close(self) -> None:
        """End the connection."""
        self.abort()

    def abort(self) -> None:
        """End the connection at once."""
        if not self._is_closing:
            self._is_closing = True
            self.sockets.later(self.end.lose)
            self._tell(lambda: self._lose(None))

    def pause_reading(self) -> None:
        """Hear nothing for a while."""
        self._is_reading = False

    def resume_reading(self) -> None:
        """Hear again."""
        self._is_reading = True
        due, self._due = self._due, 0
        for _ in range(due):
            self.sockets.later(self._next, self._place)

    def is_reading(self) -> bool:
        """Return whether something may be heard."""
        return self._is_reading

    def drop(self) -> None:
        """End it without telling anybody: there is nobody any more."""
        self._is_closing = self._is_lost = True

    def _reach(self) -> None:
        if self._outward:
            self.end.arrive(self._outward.popleft())

    def _lose(self, error: Exception | None) -> None:
        if not self._is_lost:
            self._is_lost = self._is_closing = True
            self.sockets.forget(self)
            self._protocol.connection_lost(error)

    # ------------------------------------------------------------ for the process

    def taken(self, size: int) -> None:
        """Take in that the process has read."""
        self._unread -= size
        if self._is_full and self._unread == 0:
            self._is_full = False
            self._tell(self._protocol.resume_writing)

    def hear(self, data: bytes) -> None:
        """Bring bytes of the process."""

        def arrive() -> None:
            self.end.heard(len(data))
            self._protocol.data_received(data)

        self._tell(arrive)

    def hear_end(self) -> None:
        """Tell that the process says nothing more; what it has not read is lost."""
        is_cut = self._unread > 0

        def arrive() -> None:
            if is_cut:
                self._lose(ConnectionResetError())
            elif not self._is_lost and not self._protocol.eof_received():
                self.close()

        self._tell(arrive)

    def _tell(self, what: Callable[[], None]) -> None:
        self._inward.append(what)
        self.sockets.later(self._next, self._place)

    def _next(self) -> None:
        if self._is_reading or self._is_closing:
            what = self._inward.popleft()
            if not self._is_lost:
                what()
        else:
            self._due += 1


class End:
    """A process's side of a connection."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._arrived: deque[bytes] = deque()
        self._more = asyncio.Event()
        self.ahead = 0
        """Bytes that are on their way to the server."""
        self._room, self._gone = asyncio.Event(), asyncio.Event()
        self.is_closed = False
        """Whether the process has closed it."""
        self.is_lost = False
        """Whether the server has."""

    async def read(self) -> bytes:
        """Wait for bytes; none at the end."""
        while not self._arrived:
            if self.is_lost or self.is_closed:
                return b""
            self._more.clear()
            await self._more.wait()
        data = self._arrived.popleft()
        self._wire.taken(len(data))
        return data

    async def write(self, data: bytes) -> None:
        """Send bytes, for nobody if need be, and wait while too much is under way."""
        if not self.is_closed and not self.is_lost:
            self.ahead += len(data)
            self._wire.hear(data)
        while self.ahead > AHEAD and not self.is_lost and not self.is_closed:
            self._room.clear()
            await self._room.wait()

    async def until_lost(self, within_s: float) -> None:
        """Let some time pass, less when the server goes."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._gone.wait()

    def close(self) -> None:
        """End the connection."""
        if not self.is_closed:
            self.is_closed = True
            self._wake()
            self._wire.hear_end()

    def arrive(self, data: bytes) -> None:
        """Take in what the server said."""
        if not self.is_closed:
            self._arrived.append(data)
            self._more.set()

    def lose(self) -> None:
        """Take in that the server is gone."""
        self.is_lost = True
        self._wake()

    def heard(self, size: int) -> None:
        """Take in that bytes have reached the server."""
        self.ahead -= size
        self._room.set()

    def _wake(self) -> None:
        self._more.set()
        self._room.set()
        self._gone.set()


class Sockets:
    """All sockets of a simulated machine.

    Args:
        loop: Of everything.
        chance: Decides how long things take.
    """

    def __init__(self, loop: SimulatedLoop, chance: Random) -> None:
        self._loop = loop
        self.pace = Pace(loop, chance, at_once=0.8, slowest=0.05, power=3)
        self._listening: dict[str, Accept] = {}
        self._wires: dict[Wire, None] = {}
        self._count = 0
        self._outside = context_of("sockets", loop.outside)
        loop.connect_unix = self.connect

    @property
    def wires(self) -> int:
        """Connections that servers have."""
        return len(self._wires)

    def listen(self, path: str, accept: Accept) -> None:
        """Let a process be reached."""
        self._listening[path] = accept

    def unlisten(self, path: str) -> None:
        """Let it be reached no more."""
        self._listening.pop(path, None)

    async def connect(self, protocol: asyncio.Protocol, path: str) -> Wire:
        """Connect a server. Raises OSError."""
        accept = self._listening.get(path)
        if accept is None:
            raise ConnectionRefusedError("nobody listens")
        self._count += 1
        life = current_life() or self._loop.outside
        wire = Wire(self, protocol, life, context_of(f"{life.name}/socket-{self._count}", life))
        self._wires[wire] = None
        protocol.connection_made(wire)
        accept(wire.end)
        return wire

    def forget(self, wire: Wire) -> None:
        """Drop a connection that is over."""
        self._wires.pop(wire, None)

    def end(self, life: Life) -> None:
        """Close what a server had that is gone."""
        for wire in [each for each in self._wires if each.life is life]:
            wire.drop()
            self.forget(wire)
            self.later(wire.end.lose)

    def bury(self) -> None:
        """Close all that is left, when everything is over."""
        for wire in self._wires:
            wire.drop()
        self._wires.clear()

    def later(self, what: Callable[[], None], place: Context | None = None) -> None:
        """Call after as long as bytes are under way."""
        self.pace.soon(what, place or self._outside)
