"""The way to the server: a channel, and calls that are tried again when that is safe.

1. A call that changes something carries an idempotency key, so that trying it again does nothing twice.
2. Only UNAVAILABLE is tried again, with growing pauses, until the time is up.
3. Every other error ends the command with a clear line and the exit code that stands for it.
"""

import asyncio
import os
import random
import ssl
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from protocol.cli.exits import Exit

DEFAULT = "127.0.0.1:7700"
MAX_PORT = 65_535
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
PATIENCE_S = 30.0
"""How long a server is tried to be reached."""

Q = TypeVar("Q")
A = TypeVar("A")


class Failed(Exception):  # noqa: N818 - said of a command
    """The command ends here, with this line and this exit code."""

    def __init__(self, code: Exit, reason: str, *, refusal: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.refusal = refusal
        """What the server calls its refusal, such as WRONG_STATE; empty when it did not say."""


CODES = {
    grpc.StatusCode.NOT_FOUND: Exit.NOT_FOUND,
    grpc.StatusCode.INVALID_ARGUMENT: Exit.USAGE,
    grpc.StatusCode.UNAVAILABLE: Exit.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: Exit.UNAVAILABLE,
    grpc.StatusCode.ALREADY_EXISTS: Exit.CONFLICT,
    grpc.StatusCode.ABORTED: Exit.CONFLICT,
    grpc.StatusCode.UNAUTHENTICATED: Exit.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED: Exit.UNAUTHENTICATED,
}
"""Exit codes by what the server answers; FAILED for all others."""
WRONG_STATE = "WRONG_STATE"
"""A refusal that comes as ABORTED, though nobody was first: it is not the moment for this."""


@dataclass(slots=True)
class Connection:
    """A channel to one server, and how long calls may take."""

    server: str
    channel: grpc.aio.Channel
    metadata: tuple[tuple[str, str], ...]
    is_secure: bool
    timeout_s: float = PATIENCE_S

    @classmethod
    def open(cls, server: str) -> "Connection":
        """Prepare to talk; nothing is sent yet. Token and certificates come from the environment."""
        check_port(server)
        token = os.environ.get("POLYPLANE_TOKEN", "")
        check_header("POLYPLANE_TOKEN", token)
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        options = [
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            # So that a quiet watch notices a server that is gone.
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.max_reconnect_backoff_ms", 2_000),
            ("grpc.initial_reconnect_backoff_ms", 100),
        ]
        if authority := os.environ.get("POLYPLANE_CA"):
            credentials = grpc.ssl_channel_credentials(certificates(Path(authority)))
            return cls(
                server, grpc.aio.secure_channel(server, credentials, options), metadata, is_secure=True
            )
        return cls(server, grpc.aio.insecure_channel(server, options), metadata, is_secure=False)

    async def read(self, method: "grpc.aio.UnaryUnaryMultiCallable[Q, A]", request: Q) -> A:
        """Ask for something."""
        return await self._call(method, request, self.metadata)

    async def write(self, method: "grpc.aio.UnaryUnaryMultiCallable[Q, A]", request: Q, key: str = "") -> A:
        """Ask for a change, once, however often it has to be sent."""
        check_header("the idempotency key", key)
        metadata = (*self.metadata, ("idempotency-key", key or str(uuid.uuid4())))
        return await self._call(method, request, metadata)

    async def _call(
        self,
        method: "grpc.aio.UnaryUnaryMultiCallable[Q, A]",
        request: Q,
        metadata: tuple[tuple[str, str], ...],
    ) -> A:
        due = time.monotonic() + self.timeout_s
        for pause in pauses():
            left = due - time.monotonic()
            try:
                return await method(request, timeout=max(left, 0.001), metadata=metadata)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE or left <= pause:
                    raise failure(error, self.server) from None
            await asyncio.sleep(pause)
        raise AssertionError("pauses never end")

    async def stream(self, method: "grpc.aio.UnaryStreamMultiCallable[Q, A]", request: Q) -> AsyncIterator[A]:
        """Read a stream to its end, once."""
        try:
            async for message in method(request, metadata=self.metadata):
                yield message
        except grpc.aio.AioRpcError as error:
            raise failure(error, self.server) from error

    async def close(self) -> None:
        """Hang up."""
        await self.channel.close()


def pauses() -> Iterator[float]:
    """Pauses between tries: doubling, with some chance in them, bounded."""
    pause = FIRST_PAUSE_S
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreads clients, keeps no secret
        pause = min(pause * 2, LONGEST_PAUSE_S)


def failure(error: grpc.aio.AioRpcError, server: str) -> Failed:
    """Say how a call failed."""
    code = error.code()
    refusal = refusal_of(error).reason
    exit_code = Exit.FAILED if refusal == WRONG_STATE else CODES.get(code, Exit.FAILED)
    details = error.details() or code.name.lower().replace("_", " ")
    if code is grpc.StatusCode.UNAVAILABLE and not refusal:
        details = f"{server} cannot be reached: {details}"
    return Failed(exit_code, details, refusal=refusal)


def refusal_of(error: grpc.aio.AioRpcError) -> ErrorInfo:
    """What the server says of its refusal; empty when these are not its words."""
    told = ErrorInfo()
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin" and isinstance(value, bytes):
            for detail in Status.FromString(value).details:
                if detail.Unpack(told):
                    return told
    return told


# ---------------------------------------------------------------- what the user gave


def check_port(server: str) -> None:
    """Refuse a port that there is not; the core would take another in its place."""
    port = server.rpartition(":")[2]
    is_file = server.startswith("unix")
    if not server or (not is_file and port.isdecimal() and not 0 < int(port) <= MAX_PORT):
        reason = f"must be HOST:PORT, with a port from 1 to {MAX_PORT} (got {server!r:.60})"
        raise Failed(Exit.USAGE, f"--server: {reason}")


def check_header(name: str, text: str) -> None:
    """Refuse what cannot stand in a header. The text itself may be a secret."""
    if not (text.isascii() and text.isprintable()):
        raise Failed(Exit.USAGE, f"{name}: must have printable ASCII characters only")


def certificates(path: Path) -> bytes:
    """Read a file of certificates."""
    pem = read(path)
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise Failed(Exit.USAGE, f"POLYPLANE_CA: {path}: has no certificates that can be read") from None
    return pem


def read(path: Path) -> bytes:
    """Read a file that the user named."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Failed(Exit.USAGE, f"{path}: cannot be read: {error.strerror}") from None
