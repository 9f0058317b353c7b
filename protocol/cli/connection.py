"""The way to the server: a channel, and calls that are tried again when that is safe.

1. A call that changes something carries an idempotency key, so that trying it again does nothing twice.
2. Only UNAVAILABLE is tried again, with growing pauses, until the time is up.
3. Every other error ends the command with a clear line and the exit code that stands for it.
"""

import asyncio
import os
import random
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import grpc

from protocol.cli.exits import Exit

DEFAULT = "127.0.0.1:7700"
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0

Q = TypeVar("Q")
A = TypeVar("A")


class Failed(Exception):  # noqa: N818 - said of a command
    """The command ends here, with this line and this exit code."""

    def __init__(self, code: Exit, reason: str) -> None:
        super().__init__(reason)
        self.code = code


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


@dataclass(slots=True)
class Connection:
    """A channel to one server, and how long calls may take."""

    server: str
    channel: grpc.aio.Channel
    metadata: tuple[tuple[str, str], ...]
    is_secure: bool
    timeout_s: float = 30.0

    @classmethod
    def open(cls, server: str) -> "Connection":
        """Prepare to talk; nothing is sent yet. Token and certificates come from the environment."""
        token = os.environ.get("POLYPLANE_TOKEN", "")
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
            credentials = grpc.ssl_channel_credentials(read(Path(authority)))
            return cls(
                server, grpc.aio.secure_channel(server, credentials, options), metadata, is_secure=True
            )
        return cls(server, grpc.aio.insecure_channel(server, options), metadata, is_secure=False)

    async def read(self, method: "grpc.aio.UnaryUnaryMultiCallable[Q, A]", request: Q) -> A:
        """Ask for something."""
        return await self._call(method, request, self.metadata)

    async def write(self, method: "grpc.aio.UnaryUnaryMultiCallable[Q, A]", request: Q, key: str = "") -> A:
        """Ask for a change, once, however often it has to be sent."""
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
    exit_code = CODES.get(code, Exit.FAILED)
    details = error.details() or code.name.lower().replace("_", " ")
    if code is grpc.StatusCode.UNAVAILABLE:
        details = f"{server} cannot be reached: {details}"
    return Failed(exit_code, details)


def read(path: Path) -> bytes:
    """Read a file that the user named."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Failed(Exit.USAGE, f"{path}: cannot be read: {error.strerror}") from None
