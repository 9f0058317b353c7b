"""A client of Engage that costs little, for rows in which a client could be what is measured.

1. It is one thread over grpcio's core, and nothing is decoded. A client of `grpc.aio` takes 0.9 ms of a core
   for a hot call of a function, four times what the peer's client takes for the direct one, and is
   busy all the time that a long body goes through.
2. The parts of the core are those that grpcio's own synchronous client is made of
   (docs/decisions/0009-the-core-of-grpc.md).
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]

OPTIONS = ((b"grpc.use_local_subchannel_pool", 1), (b"grpc.max_receive_message_length", -1))
OK = grpc.StatusCode.OK.value[0]
NO_FLAGS = 0


@dataclass(slots=True)
class Stream:
    """One call under way."""

    messages: Iterator[bytes]
    """Those that are still to be sent."""
    call: Any = None
    received: int = 0
    """Bytes of all messages that came."""
    last: bytes = b""
    """The newest of them."""
    is_read: bool = False
    """Whether all of them came."""
    is_over: bool = False
    """Whether its status came."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What calls came to."""

    streams: Sequence[Stream]
    seconds: float


class Caller:
    """A connection. Made by `calling`."""

    def __init__(self, channel: Any, method: bytes) -> None:  # noqa: ANN401 - the core has no types
        self._channel = channel
        self._method = method

    def call(self, messages: Sequence[bytes], *, count: int = 1, in_flight: int = 1) -> Spent:
        """Make a call so often; raise RuntimeError when one ends with another status than OK."""
        begin = time.perf_counter()
        streams = [self._begin(messages) for _ in range(min(in_flight, count))]
        left = count
        while left:
            stream, kind = (event := self._channel.next_call_event()).tag
            if self._goes_on(stream, kind, event.batch_operations):
                continue
            left -= 1
            if len(streams) < count:
                streams.append(self._begin(messages))
        return Spent(streams, time.perf_counter() - begin)

    def _begin(self, messages: Sequence[bytes]) -> Stream:
        stream = Stream(iter(messages))
        begins = (
            cygrpc.SendInitialMetadataOperation((), NO_FLAGS),
            cygrpc.SendMessageOperation(next(stream.messages), NO_FLAGS),
        )
        stream.call = self._channel.integrated_call(
            NO_FLAGS, self._method, None, None, (), None,
            (
                (begins, (stream, "sent")),
                ((cygrpc.ReceiveInitialMetadataOperation(NO_FLAGS),), (stream, "begun")),
                ((cygrpc.ReceiveMessageOperation(NO_FLAGS),), (stream, "received")),
                ((cygrpc.ReceiveStatusOnClientOperation(NO_FLAGS),), (stream, "over")),
            ),
            None,
        )  # fmt: skip
        return stream

    def _goes_on(self, stream: Stream, kind: str, operations: Sequence[Any]) -> bool:
        """Do what follows from an event; False when it was the last one."""
        match kind:
            case "sent":
                message = next(stream.messages, None)
                if message is not None:
                    operation = cygrpc.SendMessageOperation(message, NO_FLAGS)
                    stream.call.operate((operation,), (stream, "sent"))
            case "received":
                body = operations[0].message()
                if body is None:
                    stream.is_read = True
                else:
                    stream.last, stream.received = body, stream.received + len(body)
                    stream.call.operate((cygrpc.ReceiveMessageOperation(NO_FLAGS),), (stream, "received"))
            case "over":
                if operations[0].code() != OK:
                    raise RuntimeError(f"the call failed: {operations[0].details()}")
                stream.is_over = True
        return not (stream.is_read and stream.is_over)


@contextmanager
def calling(address: str, method: str) -> Iterator[Caller]:
    """Connect to one method, on a connection that is shared with no other."""
    channel = cygrpc.Channel(address.encode(), OPTIONS, None)
    try:
        yield Caller(channel, method.encode())
    finally:
        channel.close(cygrpc.StatusCode.cancelled, "the calls are over")
