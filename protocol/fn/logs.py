"""What functions write while they do calls, for whoever reads it along.

1. Nothing is read of any log while nobody listens, and nothing of what was written before.
2. Lines belong to the call during which they were written. Their time is that of the call's end: what
   a function writes has none of its own.
3. A reader who is slow loses the oldest batches; a call is told of with its first mebibyte.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from protocol.fn.functions import CONTAINER
from protocol.fn.translate.model import CallModel
from protocol.pb.fn import runner_pb2 as pb

MAX_CALL = 2**20
"""Bytes of one log of one call."""
MAX_WAITING = 1_000
"""Batches that wait for one reader."""
RUN = 1
"""A function's pod has one run."""

Container = pb.LogResponseMsg.Container
Line = Container.Request.Line
SOURCES = (("stdout", Line.Source.STDOUT), ("stderr", Line.Source.STDERR))


class Files(Protocol):
    """Where the logs of pods are."""

    def open_file(self, pod: str, run: int, path: str) -> BinaryIO:
        """Open one of a run's files. Raises FileNotFoundError."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How long the logs of a pod were."""

    pod: str
    sizes: tuple[int, ...]


class Reader:
    """Somebody who reads along."""

    def __init__(self) -> None:
        self._waiting: deque[pb.LogResponseMsg] = deque(maxlen=MAX_WAITING)
        self._has_more = asyncio.Event()

    def put(self, batch: pb.LogResponseMsg) -> None:
        """Have a batch wait."""
        self._waiting.append(batch)
        self._has_more.set()

    async def next(self) -> pb.LogResponseMsg:
        """Wait for a batch."""
        await self._has_more.wait()
        batch = self._waiting.popleft()
        if not self._waiting:
            self._has_more.clear()
        return batch


class Logs:
    """Everybody who reads along."""

    def __init__(self, files: Files, now: Callable[[], int]) -> None:
        self._files = files
        self._now = now
        self._readers: set[Reader] = set()

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Read along as long as the block lasts."""
        reader = Reader()
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)

    def mark(self, pod: str) -> Mark | None:
        """Take note how long the logs of a pod are, None when nobody wants to know."""
        return Mark(pod, tuple(self._size(pod, name) for name, _ in SOURCES)) if self._readers else None

    async def tell(self, model: CallModel, slot: str, since: Mark, until: Mark) -> None:
        """Tell everybody what was written between two marks."""
        lines = await asyncio.to_thread(self._lines, since, until, self._now() // 1000)
        if lines:
            request = Container.Request(requestId=model.id, data=lines)
            container = Container(
                applicationId=model.app_id, functionId=model.fn_id, containerId=slot, data=[request]
            )
            batch = pb.LogResponseMsg(data=[container])
            for reader in self._readers:
                reader.put(batch)

    def _lines(self, since: Mark, until: Mark, at_ms: int) -> list[Line]:
        lines = []
        for (name, source), start, end in zip(SOURCES, since.sizes, until.sizes, strict=True):
            try:
                with self._files.open_file(since.pod, RUN, _path(name)) as file:
                    file.seek(start)
                    written = file.read(min(end - start, MAX_CALL)) if end > start else b""
            except OSError:
                continue
            lines += [Line(timestamp=at_ms, source=source, data=each) for each in written.splitlines()]
        return lines

    def _size(self, pod: str, name: str) -> int:
        try:
            with self._files.open_file(pod, RUN, _path(name)) as file:
                return file.seek(0, 2)
        except OSError:
            return 0


def _path(name: str) -> str:
    return f"logs/{CONTAINER}/{name}"
