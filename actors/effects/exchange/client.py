"""A connection to a process that answers requests on a Unix socket, one after the other.

1. Bodies are never collected: who sends waits with `drain` while the exchange is full, and nothing is read of
   an answer that nobody asks for with `head` and `piece`, but for what the buffer takes.
2. The two halves of a request are independent: an answer may come before the request is whole.
3. What is not HTTP/1.1 by the letter, or comes without being asked for, breaks the connection.
4. A connection that is over cannot be used again; `again` says whether this one can.
5. Parts of a request that come one upon the other are sent together; none waits for longer than a moment.
"""

import asyncio
import re
from collections.abc import Sequence
from enum import Enum, auto
from pathlib import Path
from typing import cast

from actors.effects.exchange.answer import Answer, Broken, Head, Trouble

READ = 65_536
"""Bytes of an answer that wait before no more is read."""
SENT = 65_536
"""Bytes of a request that are sent together, if so many come."""
HELD_S = 0.001
"""Longest time that a part of a request waits for more of it: each one sent wakes the process."""
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")


class Half(Enum):
    """How far a request is."""

    IDLE = auto()
    BODY = auto()
    WHOLE = auto()


class Exchange(asyncio.Protocol):
    """One connection. Made by `open`."""

    def __init__(self, *, header_limit: int) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer = Answer(header_limit)
        self._request = Half.IDLE
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._sending: asyncio.TimerHandle | None = None
        self._is_broken = False
        self._is_lost = False
        """Whether nothing can be sent any more."""
        self._is_ended = False
        """Whether nothing more will come."""
        self._is_refused = False
        """Whether the process closed its input while there was more to send, and had said nothing."""
        self._is_held = False
        """Whether nothing is read."""
        self._is_full = False
        self._news: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls, path: Path, *, header_limit: int) -> "Exchange":
        """Connect. Raises OSError when nobody listens, or too many wait already."""
        loop = asyncio.get_running_loop()
        _, exchange = await loop.create_unix_connection(lambda: cls(header_limit=header_limit), str(path))
        return exchange

    @property
    def is_ready(self) -> bool:
        """Whether a request may begin: nothing is under way, and the other side is there."""
        is_idle = self._request is Half.IDLE and self._answer.is_fresh
        return is_idle and not (self._is_ended or self._is_lost or self._is_broken)

    def begin(self, method: str, target: str, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Begin a request whose body is chunked, as the headers have to say. Raises Broken."""
        lines = [f"{method} {target} HTTP/1.1\r\n".encode("ascii")]
        for name, value in headers:
            if not (_NAME.match(name) and _VALUE.match(value)):
                raise ValueError(f"{name!r} is no header")
            lines.append(b"%b: %b\r\n" % (name, value))
        lines.append(b"\r\n")
        self._request = Half.BODY
        self._hold(b"".join(lines))

    def put(self, body: bytes) -> None:
        """Send a piece of the body, soon. Raises Broken."""
        if body:
            self._hold(b"%x\r\n" % len(body), body, b"\r\n")

    def put_end(self) -> None:
        """Say that the request is whole. Raises Broken."""
        self._request = Half.WHOLE
        self._hold(b"0\r\n\r\n")
        self._send()

    @property
    def is_full(self) -> bool:
        """Whether who has more to send has to wait, or will be told that nobody reads it."""
        return self._is_full or self._is_lost

    async def drain(self) -> None:
        """Wait while too much of the request is not read. Raises Broken when it never will be."""
        while self._is_full and not self._is_lost:
            self._room = asyncio.get_running_loop().create_future()
            await self._room
        if self._is_lost:
            raise Broken(Trouble.INPUT_CLOSED)

    async def head(self) -> Head:
        """Wait for the head of the answer. Raises Broken."""
        try:
            while (head := self._answer.head()) is None:
                await self._more()
        except Broken as broken:
            self.close()
            if self._is_refused and broken.trouble is Trouble.ENDED:
                raise Broken(Trouble.INPUT_CLOSED) from None
            raise
        return head

    def ready(self) -> bytes | None:
        """Return a piece of the answer's body, None if there is none now, b"" after the last one."""
        try:
            return self._answer.piece()
        except Broken:  # which is told when what came before was taken
            return None

    async def piece(self) -> bytes:
        """Wait for a piece of the answer's body, b"" after the last one. Raises Broken."""
        try:
            while (piece := self._answer.piece()) is None:
                await self._more()
        except Broken:
            self.close()
            raise
        return piece

    def again(self) -> bool:
        """Make ready for another request; False when this connection cannot have one."""
        is_over = self._request is Half.WHOLE and self._answer.is_over and not self._answer.is_last
        if self._is_broken or self._is_lost or not is_over or self.has_more:
            return False
        self._request = Half.IDLE
        self._answer.again()
        return True

    @property
    def is_sent(self) -> bool:
        """Whether all of the request was sent."""
        return self._request is not Half.BODY

    @property
    def has_more(self) -> bool:
        """Whether something came after the end of the answer."""
        return self._answer.is_over and self._answer.waiting > 0

    def close(self) -> None:
        """Let go of the connection, at once."""
        self._is_broken = True
        if self._transport is not None:
            self._transport.abort()

    # ------------------------------------------------------------ either way

    def _hold(self, *parts: bytes) -> None:
        # Where the answer is over, and with it the connection, the rest of the request goes nowhere.
        is_over = self._answer.is_over and self._answer.is_last
        if self._is_lost or self._is_broken or is_over:
            raise Broken(Trouble.INPUT_CLOSED)
        self._unsent += parts
        self._unsent_bytes += sum(map(len, parts))
        if self._unsent_bytes >= SENT:
            self._send()
        elif self._sending is None:
            self._sending = asyncio.get_running_loop().call_later(HELD_S, self._send)

    def _send(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
        if self._unsent and self._transport is not None and not (self._is_broken or self._is_lost):
            self._transport.writelines(self._unsent)
        self._unsent, self._unsent_bytes = [], 0

    async def _more(self) -> None:
        """Wait until there is something new to be said of the answer."""
        if self._is_held and self._transport is not None:
            self._is_held = False
            self._transport.resume_reading()
        self._news = asyncio.get_running_loop().create_future()
        await self._news

    # ------------------------------------------------------------ what the loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take in that there is a connection."""
        self._transport = cast("asyncio.Transport", transport)  # one of another loop is none by its class

    def data_received(self, data: bytes) -> None:
        """Take in a part of the answer."""
        self._answer.take(data)
        if self._answer.waiting > READ and not self._is_held and self._transport is not None:
            self._is_held = True
            self._transport.pause_reading()
        _wake(self._news)

    def eof_received(self) -> bool:
        """Take in that the process says nothing more; it may still read."""
        self._answer.end()
        self._is_ended = True
        _wake(self._news)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Take in that there is no connection any more."""
        # A process that ends closes both its halves, and its end is heard first.
        self._is_refused = exc is not None and not self._is_ended and self._request is not Half.IDLE
        self._answer.end()
        self._is_lost = self._is_ended = True
        _wake(self._news)
        _wake(self._room)

    def pause_writing(self) -> None:
        """Take in that much of the request is not read."""
        self._is_full = True

    def resume_writing(self) -> None:
        """Take in that the process reads on."""
        self._is_full = False
        _wake(self._room)


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
