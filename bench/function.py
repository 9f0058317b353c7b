"""A function process that costs little: the same program is called through our server and directly.

1. It is of the standard library alone and does one call at a time; FN_LISTENER says where it listens.
2. A call is answered by its own body; one with the header X-Answer by so many bytes, in pieces, once its
   body was read and thrown away.
"""

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

PIECE = 65_536
ANSWER = b"x-answer"


def chunks(reader: BinaryIO) -> list[bytes]:
    """Read a body, all of it."""
    pieces = []
    while size := int(reader.readline(), 16):
        pieces.append(reader.read(size))
        reader.readline()
    reader.readline()
    return pieces


def skip(reader: BinaryIO) -> None:
    """Read a body and keep nothing of it."""
    while size := int(reader.readline(), 16):
        reader.read(size + 2)
    reader.readline()


def serve(connection: socket.socket) -> None:
    """Answer calls until nobody makes one."""
    reader = cast("BinaryIO", connection.makefile("rb", PIECE))
    while reader.readline():
        answer = 0
        while len(line := reader.readline()) > 2:
            name, _, value = line.partition(b":")
            if name.lower() == ANSWER:
                answer = int(value)
        if answer:
            skip(reader)
            stream(connection, answer)
        else:
            body = b"".join(chunks(reader))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


def stream(connection: socket.socket, size: int) -> None:
    """Answer so many bytes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while size:
        piece = min(size, PIECE)
        connection.sendall(b"%x\r\n%b\r\n" % (piece, bytes(piece)))
        size -= piece
    connection.sendall(b"0\r\n\r\n")


def listen(path: Path) -> None:
    """Make the socket as the contract has it, and serve one connection after the other."""
    hidden = path.with_name("phonylsnr.sock")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(hidden))
    hidden.chmod(0o666)
    server.listen(8)
    path.symlink_to(hidden.name)
    while True:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            serve(connection)


if __name__ == "__main__":
    listen(Path(os.environ["FN_LISTENER"].removeprefix("unix:")))
