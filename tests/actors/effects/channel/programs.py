"""Workers to be started by tests: `python -m tests.actors.effects.channel.programs NAME`.

1. Each does one thing with its tasks, or says one thing that it should not.
"""

import os
import signal
import socket
import sys
from collections.abc import Callable

from actors.effects.channel.frames import LENGTH, SOCKET, TOKEN, VERSION, encode
from actors.effects.channel.worker import TaskRefused, WorkerEnd


def echo(body: bytes, released: Callable[[], None]) -> bytes:
    """Answer what is asked for in the body's first word."""
    match body.split(b" ", 1)[0]:
        case b"refuse":
            raise TaskRefused("not this one")
        case b"break":
            raise ZeroDivisionError
        case b"die":
            os.kill(os.getpid(), signal.SIGKILL)
        case b"late":
            released()
            raise TaskRefused("after all")
        case b"long":
            return bytes(2000)
        case b"stuck":
            while True:
                pass
    released()
    return body[::-1]


def talk(*frames: bytes) -> None:
    """Say hello and then these, and wait for the end."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.environ[SOCKET])
    connection.sendall(encode("hello", VERSION, os.environ[TOKEN], os.getpid()) + b"".join(frames))
    while connection.recv(1 << 16):
        pass


def main(name: str) -> None:
    """Be one of the workers."""
    match name:
        case "echo":
            WorkerEnd(os.environ, max_frame=1000).serve(echo)
        case "garbage":
            talk(encode("ready"), LENGTH.pack(4) + b"\xc1\xc1\xc1\xc1")
        case "too-long":
            talk(encode("ready"), LENGTH.pack(1 << 31))
        case "unasked":
            talk(encode("ready"), encode("result", "task-1", b"unasked"))
        case "half":
            talk(encode("ready"), LENGTH.pack(100) + b"half")


if __name__ == "__main__":
    main(sys.argv[1])
