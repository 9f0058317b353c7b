"""Follows changes, across restarts of the server.

1. Whatever ends a watch that may go on, it goes on from the revision after the last one seen: nothing
   is missed and nothing comes twice. Only a server that was never reached is given up.
2. A watch that cannot begin where it should, because that part of the past is gone, ends the command.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator

import grpc

from protocol.cli.connection import Connection, Failed, pauses, refusal_of
from protocol.cli.exits import Exit
from protocol.pb.peloton.api.v1alpha.watch.svc.watch_svc_pb2 import WatchRequest, WatchResponse
from protocol.pb.peloton.api.v1alpha.watch.svc.watch_svc_pb2_grpc import WatchServiceStub


async def follow(
    connection: Connection,
    wanted: WatchRequest,
    *,
    tell: Callable[[str], None] | None = None,
    patience_s: float = math.inf,
) -> AsyncIterator[WatchResponse]:
    """Yield every message from `wanted.start_revision` on, for ever.

    Args:
        connection: The server.
        wanted: What to watch.
        tell: Is told in a line, each time, that the server is waited for and where the watch goes on.
        patience_s: How long the server is tried to be reached for the first time.
    """
    stub = WatchServiceStub(connection.channel)
    resume = wanted.start_revision
    waits: Iterator[float] = pauses()
    due = time.monotonic() + patience_s
    has_begun = is_told = False
    while True:
        request = WatchRequest()
        request.CopyFrom(wanted)
        request.start_revision = resume
        try:
            async for message in connection.stream(stub.Watch, request):
                if message.watch_id:
                    if has_begun and tell is not None:
                        tell(f"the watch goes on from revision {resume}")
                    has_begun, is_told = True, False
                # The first message tells the revision of now; what was asked of the past follows it.
                if not message.watch_id or resume == 0:
                    resume = message.revision + 1
                waits = pauses()
                yield message
        except Failed as failed:
            resume = may_resume(failed, resume)
            if failed.code is Exit.UNAVAILABLE:
                if not has_begun and time.monotonic() > due:
                    raise
                if tell is not None and not is_told:
                    tell(f"waiting for the server at {connection.server}")
                    is_told = True
        await asyncio.sleep(next(waits))


def may_resume(failed: Failed, resume: int) -> int:
    """Where to go on after a watch ended; raises again what ends it for good."""
    error = failed.__cause__
    if not isinstance(error, grpc.aio.AioRpcError):
        raise failed
    if error.code() is grpc.StatusCode.ABORTED:
        return int(refusal_of(error).metadata.get("resume_revision", "0")) or resume
    if failed.code is Exit.UNAVAILABLE:
        return resume
    raise failed
