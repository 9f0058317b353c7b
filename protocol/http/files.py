"""Serves the files of a pod's run: `/pods/{pod}/{run}/files/{path}`.

1. What is served is what `protocol/sandbox.py` shows: regular files below `logs/` and `sandbox/`.
2. With `follow=1` the answer goes on as the file grows, and ends when the run has ended.
3. Files are read in threads, never on the loop.
4. Of a log whose oldest part was given back to the disk, what is left is served; offsets stay.
5. What is listed can be fetched, whatever its name, if that is UTF-8; a run that never was has no list, not
   an empty one.
6. Nothing goes on for somebody who has gone away: neither the reading of a file, nor the waiting for one.
"""

import asyncio
import errno
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import BinaryIO, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from events.pod import PodPhase
from protocol.sandbox import SandboxDirectory

CHUNK = 256 * 1024
FOLLOW_S = 0.1
"""Pause between looks at a file that is followed."""
RUN_FORM = re.compile(r"[1-9][0-9]{0,18}")
NUMBER_FORM = re.compile(r"[0-9]{1,19}")
MAX_NUMBER = 2**63 - 1

Reading = Callable[[BinaryIO, int, int], Awaitable[tuple[int, bytes]]]
"""Reads from an offset so many bytes; answers where they begin, and the bytes."""


class PodOfFiles(Protocol):
    """What is asked of a pod here."""

    @property
    def run(self) -> int:
        """Its current run."""

    @property
    def phase(self) -> PodPhase:
        """Where that run stands."""


class Pods(Protocol):
    """Where pods are looked up."""

    async def pod(self, id: str) -> PodOfFiles | None:  # noqa: A002 - as the gateway calls it
        """Return the pod, None when there is none."""


def refuse(status: int, reason: str) -> JSONResponse:
    """Answer an error."""
    return JSONResponse({"error": {"code": status, "message": reason}}, status_code=status)


class RunFiles:
    """Finds and serves files of runs."""

    def __init__(self, sandboxes: SandboxDirectory, pods: Pods, draining: asyncio.Event) -> None:
        self._sandboxes = sandboxes
        self._pods = pods
        self._draining = draining

    async def list_run(self, request: Request) -> Response:
        """Answer the paths of a run's files."""
        try:
            pod, run = named(request)
            files = await self._sandboxes.files(pod, run)
        except FileNotFoundError:
            return refuse(404, "no such run")
        if not files and not await self._has_been(pod, run):
            return refuse(404, "no such run")
        return JSONResponse({"files": list(files)})

    async def serve(self, request: Request) -> Response:
        """Answer a file, or the part of it that is asked for."""
        numbers: dict[str, int] = {}
        for name in ("offset", "limit", "follow"):
            text = request.query_params.get(name, "0")
            if not NUMBER_FORM.fullmatch(text) or int(text) > MAX_NUMBER:
                return refuse(400, f"{name}: must be a number from 0 to {MAX_NUMBER}")
            numbers[name] = int(text)
        is_head = request.method == "HEAD"  # answered as GET is, without the body, so without waiting for it
        follow = bool(numbers["follow"]) and not is_head
        left = 0 if is_head else numbers["limit"] or MAX_NUMBER
        try:
            pod, run = named(request)
            file = await self._open(pod, run, request, follow=follow)
        except FileNotFoundError:
            return refuse(404, "no such file")
        reading = read_on if request.path_params["path"].startswith("logs/") else read
        body = self._body(file, reading, numbers["offset"], left, (pod, run) if follow else None)
        return StreamingResponse(
            body, media_type="application/octet-stream", headers={"x-content-type-options": "nosniff"}
        )

    async def _open(self, pod: str, run: int, request: Request, *, follow: bool) -> BinaryIO:
        """Open the file; one that is followed may come later, as long as somebody waits for it."""
        path = request.path_params["path"]
        while True:
            is_last = not follow or self._draining.is_set() or await self._has_ended(pod, run)
            try:
                return await asyncio.to_thread(self._sandboxes.open_file, pod, run, path)
            except FileNotFoundError:
                if is_last or await request.is_disconnected():
                    raise
            await self._pause()

    async def _body(
        self, file: BinaryIO, reading: Reading, offset: int, left: int, of_run: tuple[str, int] | None
    ) -> AsyncIterator[bytes]:
        with file:
            while left:
                # Asked before reading: what was written before the end is read after it.
                is_last = of_run is None or self._draining.is_set() or await self._has_ended(*of_run)
                while left:
                    offset, chunk = await reading(file, offset, min(CHUNK, left))
                    if not chunk:
                        break
                    offset += len(chunk)
                    left -= len(chunk)
                    yield chunk
                if is_last:
                    return
                await self._pause()

    async def _has_ended(self, pod: str, run: int) -> bool:
        found = await self._pods.pod(pod)
        return found is None or found.run > run or (found.run == run and found.phase.is_terminal)

    async def _has_been(self, pod: str, run: int) -> bool:
        found = await self._pods.pod(pod)
        return found is not None and run <= found.run

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(FOLLOW_S):
                await self._draining.wait()
        except TimeoutError:
            pass


def named(request: Request) -> tuple[str, int]:
    """The pod and the run that a path names, the pod as it is called here. Raises FileNotFoundError."""
    pod: str = request.path_params["pod"].lower()
    run: str = request.path_params["run"]
    if not RUN_FORM.fullmatch(run):
        raise FileNotFoundError(run)
    return pod, int(run)


async def read(file: BinaryIO, offset: int, size: int) -> tuple[int, bytes]:
    """Read a piece of a file; answers where it begins, too."""
    size = min(size, MAX_NUMBER - offset)  # the system counts no further
    return offset, await asyncio.to_thread(os.pread, file.fileno(), size, offset)


async def read_on(file: BinaryIO, offset: int, size: int) -> tuple[int, bytes]:
    """Read a piece of a log, whose oldest part may be a hole by now."""
    return await asyncio.to_thread(_read_on, file.fileno(), offset, size)


def _read_on(file: int, offset: int, size: int) -> tuple[int, bytes]:
    try:
        offset = os.lseek(file, offset, os.SEEK_DATA)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return offset, b""  # there is nothing behind it
    return offset, os.pread(file, size, offset)
