"""What a server and an agent say to each other: one msgpack array after its length.

1. A frame is a length (4 bytes, big-endian) and as many bytes; longer than MAX_FRAME ends the talk.
2. The first element of a message names it. All messages stand in the table below; nothing else is said.
3. Runs on the standard library and msgpack alone: the agent imports nothing heavier.

to the agent                            | from the agent
hello, version, server                  | hello, version, process id
launch, order                           | launched, pod, run
stop, pod, run, grace_s                 | started, pod, run, container, process id, at
observe, [[pod, run], ...]              | exited, pod, run, container, code, signal, at, message
forget, pod, run                        | ended, pod, run, is lost, message
forget_pod, pod                         | forgotten, pod, run
close, end_pods                         | pod_forgotten, pod
bound_logs, bytes                       | kept, pod, run
                                        | closed
"""

import struct

import msgpack

VERSION = 1
MAX_FRAME = 16 * 1024 * 1024
"""Bytes of one message."""
_LENGTH = struct.Struct(">I")


class FrameError(Exception):
    """The other side does not speak this protocol."""


def encode(*message: object) -> bytes:
    """The frame of a message."""
    body: bytes = msgpack.packb(message)
    if len(body) > MAX_FRAME:
        raise FrameError(f"a message of {len(body)} bytes is longer than {MAX_FRAME}")
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def feed(self, received: bytes) -> list[list[object]]:
        """The messages that are complete now, in order.

        Raises:
            FrameError: for a frame that is too long, or that is no message.
        """
        self._waiting += received
        messages: list[list[object]] = []
        while len(self._waiting) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._waiting)
            if length > MAX_FRAME:
                raise FrameError(f"a frame of {length} bytes is longer than {MAX_FRAME}")
            end = _LENGTH.size + length
            if len(self._waiting) < end:
                break
            messages.append(_message(bytes(self._waiting[_LENGTH.size : end])))
            del self._waiting[:end]
        return messages


def _message(body: bytes) -> list[object]:
    try:
        message = msgpack.unpackb(body)
    except ValueError as error:
        raise FrameError("a frame is not msgpack") from error
    if not isinstance(message, list) or not message or not isinstance(message[0], str):
        raise FrameError("a frame is not an array that begins with a name")
    return message
