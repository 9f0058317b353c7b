"""What a server and a worker say to each other: one msgpack array after its length.

1. A frame is a length (4 bytes, big-endian) and as many bytes; one longer than the bound ends the talk.
2. The first element of a message names it. All messages stand in the table below; nothing else is said.
3. Runs on the standard library and msgpack alone.

to the worker     | from the worker
task, id, body    | hello, version, token, process id
leave             | ready
                  | released, id, microseconds
                  | result, id, body
                  | failed, id, fault, message, microseconds

After hello the worker prepares itself, then says ready. A task is answered by at most one released, then by
exactly one result or failed; meanwhile there is no other task.
"""

import struct
from enum import Enum

import msgpack

VERSION = 1
SOCKET = "POLYPLANE_WORKER_SOCKET"
"""The variable that tells a worker the path of its socket."""
TOKEN = "POLYPLANE_WORKER_TOKEN"  # noqa: S105 the name of a variable
"""The variable that tells a worker what it has to say to be let in."""
MAX_FRAME = 256 * 1024 * 1024
"""Bytes of one message, unless told otherwise."""
LENGTH = struct.Struct(">I")


class Fault(Enum):
    """Whose fault a failure is."""

    USER = "user"
    SERVICE = "service"


class FrameError(ValueError):
    """A message cannot be sent, or what was received is none."""


def encode(*message: object, max_frame: int = MAX_FRAME) -> bytes:
    """The frame of a message.

    Raises:
        FrameError: when it is too long.
    """
    body: bytes = msgpack.packb(message)
    if len(body) > max_frame:
        raise FrameError(f"a message of {len(body)} bytes is longer than {max_frame}")
    return LENGTH.pack(len(body)) + body


def length_of(head: bytes, max_frame: int) -> int:
    """How many bytes follow the head of a frame.

    Raises:
        FrameError: when they are too many.
    """
    (length,) = LENGTH.unpack(head)
    if length > max_frame:
        raise FrameError(f"a frame of {length} bytes is longer than {max_frame}")
    return int(length)


def decode(body: bytes) -> list[object]:
    """Read a message.

    Raises:
        FrameError: when it is none.
    """
    try:
        message = msgpack.unpackb(body)
    except (ValueError, msgpack.exceptions.UnpackException) as error:
        raise FrameError("a frame is not msgpack") from error
    if not isinstance(message, list) or not message or not isinstance(message[0], str):
        raise FrameError("a frame is not an array that begins with a name")
    return message
