"""A function process of the standard library alone; FN_LISTENER in its environment says where it listens.

1. What it does with a call is the first word of the call's body, up to a line feed; the rest of the line
   are arguments. Without a line feed it is an echo.
2. What it does instead of listening is the variable MODE of its environment.
"""

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO


class Call:
    """One request, and how it is answered."""

    def __init__(self, reader: BinaryIO, connection: socket.socket) -> None:
        self.reader = reader
        self.connection = connection
        line = reader.readline()
        if not line:
            raise EOFError
        self.line = line.decode().strip()
        self.headers: list[tuple[str, str]] = []
        while header := reader.readline().decode().strip():
            name, _, value = header.partition(":")
            self.headers.append((name, value.strip()))

    def chunks(self) -> Iterator[bytes]:
        while size := int(self.reader.readline(), 16):
            yield self.reader.read(size)
            self.reader.readline()
        self.reader.readline()

    def answer(self, body: bytes = b"", status: int = 200, *headers: str) -> None:
        self.head(status, f"Content-Length: {len(body)}", *headers)
        self.connection.sendall(body)

    def head(self, status: int, *headers: str) -> None:
        lines = [f"HTTP/1.1 {status} Some", "Content-Type: text/x", *headers, "", ""]
        self.connection.sendall("\r\n".join(lines).encode())


def echo(call: Call, body: bytes) -> None:
    call.answer(body)


def told(call: Call, _: bytes) -> None:
    """Tell what it was told."""
    facts: dict[str, object] = {
        "line": call.line,
        "headers": call.headers,
        "environment": dict(os.environ),
        "pid": os.getpid(),
    }
    facts |= {"directory": os.getcwd()}  # noqa: PTH109 - the string
    facts["limits"] = [resource.getrlimit(it)[0] for it in (resource.RLIMIT_DATA, resource.RLIMIT_NOFILE)]
    facts["files"] = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]  # noqa: PTH208
    lines = ("Fn-Http-Status: 404", "X-A: 1", "X-A: 2", "Connection: keep-alive")
    call.answer(json.dumps(facts).encode(), 200, *lines)


def status(call: Call, body: bytes) -> None:
    call.answer(b"because", int(body))


def large(call: Call, body: bytes) -> None:
    """Answer so many bytes."""
    size = int(body)
    call.head(200, f"Content-Length: {size}")
    with contextlib.suppress(OSError):
        while size > 0:
            call.connection.sendall(b"x" * min(size, 65_536))
            size -= 65_536


def endless(call: Call, _: bytes) -> None:
    call.head(200, "Transfer-Encoding: chunked")
    with contextlib.suppress(OSError):
        while True:
            call.connection.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")


def header(call: Call, body: bytes) -> None:
    call.answer(b"", 200, "X-Long: " + "x" * int(body))


def headers(call: Call, _: bytes) -> None:
    """Send a header that does not end."""
    call.connection.sendall(b"HTTP/1.1 200 OK\r\n")
    with contextlib.suppress(OSError):
        while True:
            call.connection.sendall(b"X: y\r\n" * 1000)


def continues(call: Call, _: bytes) -> None:
    """Say for ever that it will answer."""
    with contextlib.suppress(OSError):
        while True:
            call.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def garbage(call: Call, _: bytes) -> None:
    call.connection.sendall(b"\0\1\2 what is this\r\n\r\n")


def answers(call: Call, body: bytes) -> None:
    """Answer with these headers: so many lines, then the body."""
    lines, _, rest = body.partition(b"\n\n")
    call.answer(rest, 200, *lines.decode().split("\n"))


def hoards(call: Call, body: bytes) -> None:
    """Take so many MiB."""
    try:
        hoard = bytearray(int(body) * 2**20)
        call.answer(b"%d" % len(hoard))
    except MemoryError:
        call.answer(b"no")


def raw(call: Call, body: bytes) -> None:
    """Answer with these very bytes, and nothing more."""
    call.connection.sendall(body)
    time.sleep(1000)


def cut(call: Call, _: bytes) -> None:
    """Answer half."""
    call.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    call.connection.shutdown(socket.SHUT_RDWR)


def closes(call: Call, _: bytes) -> None:
    """Answer, and close the connection as it says."""
    call.connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end")
    call.connection.shutdown(socket.SHUT_RDWR)


def more(call: Call, _: bytes) -> None:
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
    call.connection.sendall(whole * 2)


def crash(_: Call, __: bytes) -> None:
    os._exit(3)


def sleep(call: Call, body: bytes) -> None:
    time.sleep(float(body))
    call.answer(b"slept")


def hangs(_: Call, body: bytes) -> None:
    """Make a file that shows that the call was seen, and answer nothing."""
    Path(body.decode()).touch()
    time.sleep(1000)


def says(call: Call, body: bytes) -> None:
    """Write to its log."""
    sys.stderr.write(body.decode() + "\n")
    call.answer(b"said")


def floods(call: Call, body: bytes) -> None:
    for _ in range(int(body)):
        sys.stderr.write("x" * 1023 + "\n")
    call.answer(b"flooded")


def forks(call: Call, _: bytes) -> None:
    """Leave a child behind."""
    child = subprocess.Popen(["sleep", "1000"])
    call.answer(str(child.pid).encode())


WORDS: dict[bytes, Callable[[Call, bytes], None]] = {
    each.__name__.encode(): each
    for each in (
        echo, told, status, large, endless, header, headers, continues, garbage, raw, cut, closes, more,
        crash, sleep, hangs, says, floods, forks, answers, hoards,
    )
}  # fmt: skip


def serve(connection: socket.socket) -> None:
    reader = connection.makefile("rb")
    while True:
        call = Call(reader, connection)
        if ("X-Test", "early") in call.headers:
            call.answer(b"early")
            list(call.chunks())
            continue
        if ("X-Test", "deaf") in call.headers:
            connection.shutdown(socket.SHUT_RD)
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            time.sleep(1000)
        if ("X-Test", "slow") in call.headers:
            time.sleep(1000)
        if ("X-Test", "count") in call.headers:
            call.answer(str(sum(len(chunk) for chunk in call.chunks())).encode())
            continue
        body = b"".join(call.chunks())
        word, is_word, argument = body.partition(b"\n")
        if is_word and word in WORDS:
            WORDS[word](call, argument)
        else:
            echo(call, body)


def listen(path: Path) -> None:
    mode = os.environ.get("MODE", "")
    hidden = path.with_name("phonylsnr.sock")
    server = socket.socket(socket.AF_UNIX)
    if mode == "file":
        path.write_text("")
    elif mode == "astray":
        path.symlink_to(path)
    elif mode == "exit":
        sys.exit(7)
    elif mode == "tardy":
        time.sleep(0.5)
        server.bind(str(hidden))
    elif mode == "mute":
        time.sleep(1000)
    elif mode == "direct":
        server.bind(str(path))
    else:
        server.bind(str(hidden))
    server.listen(8)
    if mode in {"", "tardy", "stubborn", "unaccepting"}:
        path.symlink_to(hidden.name)
    if mode == "refusing":
        path.symlink_to(hidden.name)
        server.close()
        time.sleep(1000)
    if mode == "loud":
        for _ in range(10_000):
            sys.stderr.write("x" * 1023 + "\n")
        path.symlink_to(hidden.name)
    if mode == "closing":
        path.symlink_to(hidden.name)
        while True:
            server.accept()[0].close()
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if mode == "unaccepting":
        time.sleep(1000)
    while True:
        connection, _ = server.accept()
        with connection, contextlib.suppress(EOFError, OSError):
            serve(connection)


if __name__ == "__main__":
    listen(Path(os.environ["FN_LISTENER"].removeprefix("unix:")))
