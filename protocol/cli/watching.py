"""Follows changes, across restarts of the server.

1. Whatever ends a watch that may go on, it goes on from the revision after the last one seen: nothing
   is missed and nothing comes twice.
2. A watch that cannot begin where it should, because that part of the past is gone, ends the command.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from protocol.cli.connection import Connection, Failed, pauses
from protocol.cli.exits import Exit
from protocol.pb.peloton.api.v1alpha.watch.svc.watch_svc_pb2 import WatchRequest, WatchResponse
from protocol.pb.peloton.api.v1alpha.watch.svc.watch_svc_pb2_grpc import WatchServiceStub


async def follow(
    connection: Connection, wanted: WatchRequest, *, on_resume: Callable[[int], None] | None = None
) -> AsyncIterator[WatchResponse]:
    """Yield every message from `wanted.start_revision` on, for ever.

    With `on_resume` it is told from which revision the watch goes on, each time that it does.
    """
    stub = WatchServiceStub(connection.channel)
    resume = wanted.start_revision
    waits: Iterator[float] = pauses()
    has_begun = False
    while True:
        request = WatchRequest()
        request.CopyFrom(wanted)
        request.start_revision = resume
        try:
            async for message in connection.stream(stub.Watch, request):
                if message.watch_id:
                    if has_begun and on_resume is not None:
                        on_resume(resume)
                    has_begun = True
                # The first message tells the revision of now; what was asked of the past follows it.
                if not message.watch_id or resume == 0:
                    resume = message.revision + 1
                waits = pauses()
                yield message
        except Failed as failed:
            resume = may_resume(failed, resume)
        await asyncio.sleep(next(waits))


def may_resume(failed: Failed, resume: int) -> int:
    """Where to go on after a watch ended; raises again what ends it for good."""
    error = failed.__cause__
    if not isinstance(error, grpc.aio.AioRpcError):
        raise failed
    if error.code() is grpc.StatusCode.ABORTED:
        return resume_revision(error) or resume
    if failed.code is Exit.UNAVAILABLE:
        return resume
    raise failed


def resume_revision(error: grpc.aio.AioRpcError) -> int:
    """The revision that the server names to go on from, 0 when it names none."""
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin" and isinstance(value, bytes):
            for detail in Status.FromString(value).details:
                told = ErrorInfo()
                if detail.Unpack(told):
                    return int(told.metadata.get("resume_revision", "0"))
    return 0
