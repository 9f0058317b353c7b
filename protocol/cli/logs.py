"""The command `logs`: a file of a run, fetched over HTTP from where the server says that it is.

1. A log that is followed goes on from the byte after the last one printed, as long as its run does, when
   the server that told it is gone and comes back in time.
2. A run stays the one that was found first, also when its pod has another by then.
"""

import asyncio
import math
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import quote, urlencode

from protocol.cli.connection import PATIENCE_S, WRONG_STATE, Connection, Failed, pauses
from protocol.cli.exits import Exit
from protocol.cli.names import find_pod
from protocol.cli.waiting import ENDED
from protocol.pb.peloton.api.v1alpha.peloton_pb2 import PodID, PodName
from protocol.pb.peloton.api.v1alpha.pod.pod_pb2 import PodInfo
from protocol.pb.peloton.api.v1alpha.pod.svc.pod_svc_pb2 import (
    BrowsePodSandboxRequest,
    BrowsePodSandboxResponse,
    GetPodRequest,
)
from protocol.pb.peloton.api.v1alpha.pod.svc.pod_svc_pb2_grpc import PodServiceStub

POLL_S = 0.25
"""Pause between looks at a run that has not begun."""
STEADY_S = 1.0
"""An answer that lasted so long before it was cut off was a good one."""
CHUNK = 65536


@dataclass(frozen=True, slots=True)
class LogFile:
    """Where a log can be fetched, and by what right."""

    url: str
    authorization: str
    pod: str
    run: int
    is_over: bool
    """Whether the run had ended before this was said: then the file has its end."""


async def find_log(
    connection: Connection, text: str, *, container: str, stderr: bool, run: int, is_followed: bool
) -> LogFile:
    """Find the log that is meant; one that is followed is waited for."""
    pod = await find_pod(connection, text)
    current, run, where, is_over = await find_run(
        connection, pod.name, run or pod.run, is_whole=bool(container), is_awaited=is_followed
    )
    stream = "stderr" if stderr else "stdout"
    logs = [path for path in where.paths if path.startswith("logs/") and path.endswith(f"/{stream}")]
    if container:
        logs = [path for path in logs if path == f"logs/{quote(container, safe='')}/{stream}"]
    else:
        first = [it.name for it in current.status.containers_status]
        logs.sort(key=lambda path: path.split("/")[1] not in {quote(name, safe="") for name in first[:1]})
    if not logs:
        wanted = f"container {container}" if container else "any container"
        raise Failed(Exit.NOT_FOUND, f"pod/{pod.name}: run {run} has no {stream} of {wanted}")
    scheme = "https" if connection.is_secure else "http"
    host = f"[{where.hostname}]" if ":" in where.hostname else where.hostname
    return LogFile(
        url=f"{scheme}://{host}:{where.port}/pods/{pod.name}/{run}/files/{quote(logs[0])}",
        authorization=next((value for name, value in connection.metadata if name == "authorization"), ""),
        pod=f"pod/{pod.name}",
        run=run,
        is_over=is_over,
    )


async def find_run(
    connection: Connection, pod: str, run: int, *, is_whole: bool, is_awaited: bool
) -> tuple[PodInfo, int, BrowsePodSandboxResponse, bool]:
    """Find a run, the current one for 0: its pod, its number, its files, and whether it is over.

    Before it has begun there are no files; it may be awaited, if it can still begin.
    """
    stub = PodServiceStub(connection.channel)
    request = GetPodRequest(pod_name=PodName(value=pod), status_only=not is_whole, limit=1)
    while True:
        current = (await connection.read(stub.GetPod, request)).current
        latest = int(current.status.pod_id.value.rpartition("-")[2])
        run = run or latest
        if run > latest:
            raise Failed(Exit.NOT_FOUND, f"pod/{pod}: there was no run {run} yet")
        is_over = run < latest or current.status.state in ENDED
        try:
            return current, run, await browse(connection, pod, run), is_over
        except Failed as failed:
            if failed.refusal != WRONG_STATE or is_over or not is_awaited:
                raise
        await asyncio.sleep(POLL_S)


async def browse(connection: Connection, pod: str, run: int) -> BrowsePodSandboxResponse:
    """Ask where the files of a run are."""
    stub = PodServiceStub(connection.channel)
    request = BrowsePodSandboxRequest(pod_name=PodName(value=pod), pod_id=PodID(value=f"{pod}-{run}"))
    return await connection.read(stub.BrowsePodSandbox, request)


def print_log(find: Callable[[str, int], LogFile], pod: str, run: int, *, is_followed: bool) -> Exit:
    """Copy a log to stdout as it is; one that is followed, across restarts of the server.

    Args:
        find: Asks where the log of a run of a pod is.
        pod: The pod, as the user calls it.
        run: The run, 0 for the current one.
        is_followed: Whether to go on until the run has ended.
    """
    position, has_begun = 0, False
    waits, failing_since = pauses(), time.monotonic()
    while True:
        before, reached_at = position, math.inf
        try:
            log = find(pod, run)
        except Failed as failed:
            if has_begun and failed.code is Exit.NOT_FOUND:
                return Exit.OK  # the pod is gone, and the rest of its log with it
            raise
        pod, run = log.pod, log.run
        try:
            for chunk in read_log(log, position, is_followed=is_followed):
                has_begun, reached_at = True, min(reached_at, time.monotonic())
                sys.stdout.buffer.write(chunk)
                sys.stdout.buffer.flush()
                position += len(chunk)
            if log.is_over or not is_followed:
                return Exit.OK
        except (OSError, HTTPException) as error:
            now = time.monotonic()
            if position > before or now - reached_at > STEADY_S:
                waits, failing_since = pauses(), now
            if not (is_followed and has_begun) or now - failing_since > PATIENCE_S:
                raise Failed(Exit.UNAVAILABLE, f"{log.url}: {reason_of(error)}") from None
        time.sleep(next(waits))


def read_log(log: LogFile, position: int, *, is_followed: bool) -> Iterator[bytes]:
    """Yield a log from a position on, an empty piece first, as soon as the server answers."""
    query = urlencode({"offset": position, "follow": int(is_followed)})
    request = urllib.request.Request(f"{log.url}?{query}")  # noqa: S310 - http or https, made above
    if log.authorization:
        request.add_header("authorization", log.authorization)
    authority = os.environ.get("POLYPLANE_CA")
    context = ssl.create_default_context(cafile=authority) if authority else None
    try:
        answer = urllib.request.urlopen(request, context=context)  # noqa: S310 - as above
    except urllib.error.HTTPError as error:
        code = Exit.NOT_FOUND if error.code == 404 else Exit.FAILED  # noqa: PLR2004 - HTTP's "not found"
        raise Failed(code, f"{log.url}: {error.code} {error.reason}") from None
    with answer:
        yield b""
        while chunk := answer.read1(CHUNK):
            yield chunk


def reason_of(error: Exception) -> str:
    """Say in one line why a log could not be read."""
    return "the answer was cut off" if isinstance(error, HTTPException) else str(error)
