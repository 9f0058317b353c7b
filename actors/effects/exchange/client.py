"""A connection to a process that answers requests on a Unix socket, one after the other.

1. Bodies are never collected: `feed` waits until the process reads, and nothing is read of its answer
   that nobody asks for with `head` and `piece`.
2. The two halves of a request are independent: an answer may come before the request is whole.
3. What is not HTTP/1.1 by the letter, or comes without being asked for, breaks the connection.
4. A connection that is over cannot be used again; `again` says whether this one can.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import h11

READ = 65_536
"""Bytes that are read at a time, and about as many wait."""
TOO_LARGE = 431
"""What the parser hints at when a header does not end."""


class Trouble(Enum):
    """How a request can break."""

    ENDED = "the connection ended"
    GARBAGE = "the answer is no HTTP"
    HEADER_TOO_LARGE = "the header of the answer is too long"
    INPUT_CLOSED = "the request is no longer read"


class Broken(Exception):  # noqa: N818 - said of the connection
    """The request cannot go on."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]


class Exchange:
    """One connection. Made by `open`."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, header_limit: int
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._header_limit = header_limit
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=header_limit)
        self._is_broken = False

    @classmethod
    async def open(cls, path: Path, *, header_limit: int) -> "Exchange":
        """Connect. Raises OSError when nobody listens, or too many wait already."""
        reader, writer = await asyncio.open_unix_connection(path, limit=READ)
        return cls(reader, writer, header_limit=header_limit)

    @property
    def is_ready(self) -> bool:
        """Whether a request may begin: nothing is under way, and the other side is there."""
        is_idle = self._http.our_state is h11.IDLE and self._http.their_state is h11.IDLE
        is_there = not self._reader.at_eof() and not self._writer.transport.is_closing()
        return is_idle and is_there and not self._is_broken

    def begin(self, method: str, target: str, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Begin a request; the headers have to say how its body is framed."""
        self._write(h11.Request(method=method, target=target, headers=list(headers)))

    async def feed(self, body: bytes) -> None:
        """Send a piece of the body, and wait while too much of it is not read. Raises Broken."""
        self._write(h11.Data(data=body))
        await self._drain()

    async def feed_end(self) -> None:
        """Say that the request is whole. Raises Broken."""
        self._write(h11.EndOfMessage())
        await self._drain()

    async def head(self) -> Head:
        """Wait for the head of the answer. Raises Broken."""
        received = 0
        while True:
            event = await self._next()
            match event:
                case h11.Response() | h11.InformationalResponse():
                    received += sum(len(name) + len(value) + 4 for name, value in event.headers)
                    if received > self._header_limit:
                        raise self._broken(Trouble.HEADER_TOO_LARGE)
                    if isinstance(event, h11.Response):
                        return Head(event.status_code, tuple(event.headers))
                    received += 32  # an endless row of these is a header without end
                case _:
                    raise self._broken(Trouble.ENDED)

    async def piece(self) -> bytes | None:
        """Wait for a piece of the answer's body, None after the last one. Raises Broken."""
        while True:
            event = await self._next()
            match event:
                case h11.Data():
                    if event.data:
                        return bytes(event.data)
                case h11.EndOfMessage():
                    return None
                case _:
                    raise self._broken(Trouble.ENDED)

    def again(self) -> bool:
        """Make ready for another request; False when this connection cannot have one."""
        is_over = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        if self._is_broken or not is_over or self.has_more:
            return False
        self._http.start_next_cycle()
        return True

    @property
    def is_sent(self) -> bool:
        """Whether all of the request was sent."""
        return self._http.our_state is not h11.SEND_BODY

    @property
    def has_more(self) -> bool:
        """Whether something came after the end of the answer."""
        return bool(self._http.trailing_data[0])

    def close(self) -> None:
        """Let go of the connection, at once."""
        self._is_broken = True
        self._writer.transport.abort()

    def _write(self, event: h11.Event) -> None:
        try:
            sent = self._http.send(event)
        except h11.LocalProtocolError:
            # The answer is over, and with it the connection: the rest of the request goes nowhere.
            raise Broken(Trouble.INPUT_CLOSED) from None
        if sent:
            self._writer.write(sent)

    async def _drain(self) -> None:
        try:
            await self._writer.drain()
        except OSError:
            raise Broken(Trouble.INPUT_CLOSED) from None

    async def _next(self) -> h11.Event | None:
        """Return the next event, None when none can come."""
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(READ))
        except h11.RemoteProtocolError as error:
            is_long = error.error_status_hint == TOO_LARGE
            is_cut = self._reader.at_eof()
            trouble = Trouble.ENDED if is_cut else Trouble.GARBAGE
            raise self._broken(Trouble.HEADER_TOO_LARGE if is_long else trouble) from None
        except OSError:
            raise self._broken(Trouble.ENDED) from None
        return event if isinstance(event, h11.Event) else None

    def _broken(self, trouble: Trouble) -> Broken:
        self.close()
        return Broken(trouble)
