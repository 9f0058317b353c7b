"""Function processes of simulated hosts: they listen, or do not, and answer by chance, well and badly.

1. A process is told of by its run (hosts.py): it begins and ends with it, and may end it by itself.
2. It sees one request at a time, none after one that was given up, and none of a call that it, or any
   other, has seen before: whatever breaks that, breaks a law.
3. What it answers well is what it was asked.
"""

import asyncio
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Protocol

import h11

from actors.effects.engines.engine import RunKey
from events.pod import PodSpec
from protocol.simulation.loop import SimulatedLoop
from protocol.simulation.sockets import End, Sockets
from protocol.simulation.story import LawBroken, Story

LABEL = ("polyplane.worker", "function")
LISTENER = "FN_LISTENER"
FOR_EVER = 10_000.0
EARLY = b"early"
"""What is answered before the question is whole; it counts where the server knew the end of that."""
LARGE = 30_000
"""Bytes of an answer that is longer than servers take."""
STARTS = ("up", "late", "mute", "exits", "plain", "deaf", "refuses")
"""How processes begin: `plain` makes a file in place of a socket, `deaf` never accepts."""
ANSWERS: Sequence[tuple[str, int]] = (
    ("well", 40), ("slowly", 8), ("in pieces", 6), ("and closes", 4), ("502", 4), ("504", 2), ("500", 3),
    ("early", 2), ("dies", 4), ("dies half way", 3), ("closes", 3), ("nonsense", 2), ("never", 3),
    ("too much", 2), ("and more", 2), ("and dies", 2),
)  # fmt: skip


class Witness(Protocol):
    """Told of what processes see."""

    def see(self, call: str, process: str) -> None:
        """Raise LawBroken unless a process may see a call now."""


class Process:
    """One function process.

    Args:
        name: Of it.
        spec: What is run.
        functions: What all have in common.
        finish: Ends its run, with an exit code.
    """

    def __init__(
        self, name: str, spec: PodSpec, functions: "Functions", finish: Callable[[int], None]
    ) -> None:
        self.name = name
        self._functions = functions
        self._chance = functions.chance
        self._finish = finish
        self._tasks: list[asyncio.Task[None]] = []
        self._ends: list[End] = []
        self._path = Path(dict(spec.containers[0].environment)[LISTENER].removeprefix("unix:"))
        self._at = ""
        """Where it listens."""
        self._call = ""
        self._is_spoiled = False
        """Whether a request was given up while it was about it."""
        self.is_over = False

    def begin(self) -> None:
        """Start."""
        self._do(self._start())

    def end(self) -> None:
        """End, at once."""
        if not self.is_over:
            self.is_over = True
            self._functions.sockets.unlisten(self._at)
            for end in self._ends:
                end.close()
            for task in self._tasks:
                task.cancel()

    def _exit(self, code: int) -> None:
        self._functions.story.tell(self.name, f"exits with {code}")
        self._finish(code)

    def _do(self, work: object) -> None:
        loop = self._functions.loop
        self._tasks.append(loop.start(work, self.name))  # type: ignore[arg-type]  # a coroutine

    # ------------------------------------------------------------ start

    async def _start(self) -> None:
        kind = self._chance.choices(STARTS, (60, 4, 2, 3, 1, 2, 2))[0]
        await asyncio.sleep(self._chance.random() ** 4)
        match kind:
            case "exits":
                self._exit(7)
                return
            case "mute":
                return
            case "late":
                await asyncio.sleep(self._chance.random() * 6)
            case _:
                pass
        hidden = self._path.with_name("phonylsnr.sock")
        try:
            if kind == "plain":
                self._path.write_bytes(b"")
                return
            os.mknod(hidden, 0o600 | stat.S_IFSOCK)
            self._at = str(hidden)
            if kind != "refuses":
                accept = self._ends.append if kind == "deaf" else self._accept
                self._functions.sockets.listen(self._at, accept)
            self._path.symlink_to(hidden.name)
        except OSError:
            self._exit(1)

    def _accept(self, end: End) -> None:
        self._ends.append(end)
        self._do(self._serve(end))

    # ------------------------------------------------------------ calls

    async def _serve(self, end: End) -> None:
        left: bytes | None = b""
        while left is not None:
            left = await self._answer(end, left)
        end.close()
        if end in self._ends:
            self._ends.remove(end)

    async def _answer(self, end: End, left: bytes) -> bytes | None:
        """Answer a request; return what came after it, None when the connection is of no use any more."""
        http = h11.Connection(h11.SERVER)
        if left:
            http.receive_data(left)
        request = await _next(end, http)
        if not isinstance(request, h11.Request):
            return None
        call = next(value.decode() for name, value in request.headers if name == b"fn-call-id")
        if self._call:
            raise LawBroken("one call at a time", f"{self.name} is about {self._call} and is given {call}")
        if self._is_spoiled:
            raise LawBroken("who was given up is given nothing more", f"{self.name} is given {call}")
        self._call = call
        self._functions.witness.see(call, self.name)
        kinds, weights = zip(*ANSWERS, strict=True)
        kind: str = self._chance.choices(kinds, weights)[0]
        self._functions.story.tell(self.name, f"answers {call} {kind}")
        is_well = await self._do_answer(end, http, kind)
        self._call = ""
        self._is_spoiled = not is_well
        return http.trailing_data[0] if is_well and kind != "and closes" else None

    async def _do_answer(self, end: End, http: h11.Connection, kind: str) -> bool:
        if kind == "early":
            await end.write(_head(200, len(EARLY)) + EARLY)
        if kind == "dies" and self._chance.random() < 0.5:  # noqa: PLR2004 - a coin
            self._exit(3)
            return False
        body = b""
        while isinstance(event := await _next(end, http), h11.Data):
            body += bytes(event.data)
        if not isinstance(event, h11.EndOfMessage):
            return False
        await self._work(end)
        if end.is_lost:
            return False
        return await self._say(end, kind, body)

    async def _work(self, end: End) -> None:
        if self._chance.random() < 0.5:  # noqa: PLR2004 - a coin
            await end.until_lost(self._chance.random() ** 3 * 3)

    async def _say(self, end: End, kind: str, body: bytes) -> bool:
        """Say the answer; whether the connection may be used again."""
        whole = _head(200, len(body), is_last=kind == "and closes") + body
        match kind:
            case "dies":
                self._exit(3)
            case "dies half way":
                await end.write(whole[:-1])
                self._exit(4)
            case "and dies":
                await end.write(whole)
                self._exit(5)
            case "closes":
                end.close()
            case "nonsense":
                await end.write(b"\0\1 this is nothing\r\n\r\n")
            case "early":
                return not end.is_lost
            case "never":
                await asyncio.sleep(FOR_EVER)
            case "slowly":
                await end.until_lost(self._chance.random() * 8)
                await end.write(whole)
                return not end.is_lost
            case "too much":
                await end.write(_head(200, LARGE) + b"x" * LARGE)
            case "and more":
                await end.write(whole * 2)
            case "in pieces":
                for place in range(0, len(whole), 40):
                    await end.write(whole[place : place + 40])
                    await asyncio.sleep(self._chance.random() * 0.1)
                return not end.is_lost
            case "502" | "504":
                await end.write(_head(int(kind), 0))
                return not end.is_lost
            case "500":
                await end.write(_head(500, 0))
            case _:
                await end.write(whole)
                return not end.is_lost
        return False


class Functions:
    """All function processes.

    Args:
        loop: Of everything.
        chance: Decides what they do.
        story: Told of it.
        sockets: Over which they are reached.
        witness: Told of what they see.
    """

    def __init__(
        self, loop: SimulatedLoop, chance: Random, story: Story, sockets: Sockets, witness: Witness
    ) -> None:
        self.loop = loop
        self.chance = chance
        self.story = story
        self.sockets = sockets
        self.witness = witness
        self._live: dict[RunKey, Process] = {}
        self._count = 0

    @property
    def live(self) -> Sequence[RunKey]:
        """Runs that have a process."""
        return tuple(self._live)

    def begin(self, key: RunKey, spec: PodSpec, finish: Callable[[int], None]) -> None:
        """Start the process of a run, if it has a function's."""
        if LABEL in spec.labels:
            self._count += 1
            process = self._live[key] = Process(f"function-{self._count}", spec, self, finish)
            process.begin()

    def end(self, key: RunKey) -> None:
        """End the process of a run, if there is one."""
        if (process := self._live.pop(key, None)) is not None:
            process.end()


async def _next(end: End, http: h11.Connection) -> h11.Event | None:
    """Return what comes next, None when nothing can."""
    with suppress(h11.RemoteProtocolError):
        while (event := http.next_event()) is h11.NEED_DATA:
            http.receive_data(await end.read())
        return event if isinstance(event, h11.Event) else None
    return None


def _head(status: int, size: int, *, is_last: bool = False) -> bytes:
    close = "Connection: close\r\n" if is_last else ""
    return f"HTTP/1.1 {status} Some\r\nContent-Length: {size}\r\n{close}\r\n".encode()
