"""The server's end of a channel: a socket for one worker, which is given one task at a time.

1. Whoever connects must run as this user and know the token; anybody else is shown the door.
2. There is at most one worker. A newer one takes the place of an older: its pod was started again.
3. A worker that goes, or says what it should not, is lost: what it had to do fails, nothing is repeated.
4. All callbacks are called on the loop.
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
import shutil
import socket
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from actors.effects.channel.frames import (
    LENGTH,
    MAX_FRAME,
    SOCKET,
    TOKEN,
    VERSION,
    Fault,
    FrameError,
    decode,
    encode,
    length_of,
)

MAX_SOCKET_PATH = 107
_MAX_HELLO = 1024
_HELLO_S = 10.0
_CREDENTIALS = struct.Struct("iII")

_log = structlog.stdlib.get_logger()


class TaskFailed(Exception):  # noqa: N818 the worker answered; it is the task that failed
    """A worker answered that a task failed."""

    def __init__(self, fault: Fault, message: str, duration_us: int) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message
        self.duration_us = duration_us
        """Microseconds for which the task held the worker."""


class WorkerLost(Exception):  # noqa: N818 as above
    """There is no worker, or it went before it had answered."""


@dataclass(slots=True)
class _Task:
    id: str
    answer: "asyncio.Future[bytes]"
    on_released: Callable[[int], None]
    is_released: bool = False


class _Worker:
    """One connection that was let in."""

    def __init__(self, writer: asyncio.StreamWriter, process: int, max_frame: int) -> None:
        self.process = process
        self.is_ready = False
        self.is_dropped = False
        self.task: _Task | None = None
        self._writer = writer
        self._max_frame = max_frame

    def send(self, *message: object) -> None:
        """Send a message.

        Raises:
            FrameError: when it is too long; nothing was sent.
        """
        self._writer.write(encode(*message, max_frame=self._max_frame))

    def hang_up(self) -> None:
        """End the connection; nothing more is heard from it."""
        self.is_dropped = True
        self._writer.transport.abort()

    def hear(self, message: list[object]) -> None:
        """Take in an answer.

        Raises:
            FrameError: when it is none to what was asked.
        """
        match message, self.task:
            case ["released", str(task_id), int(duration_us)], _Task(id=known, is_released=False) as task if (
                task_id == known and duration_us >= 0
            ):
                task.is_released = True
                task.on_released(duration_us)
            case ["result", str(task_id), bytes(body)], _Task(id=known) as task if task_id == known:
                self.task = None
                if not task.answer.done():  # cancelled in this very moment
                    task.answer.set_result(body)
            case (
                ["failed", str(task_id), "user" | "service" as fault, str(words), int(duration_us)],
                _Task(id=known) as task,
            ) if task_id == known and duration_us >= 0:
                self.task = None
                if not task.answer.done():
                    task.answer.set_exception(TaskFailed(Fault(fault), words, duration_us))
            case _:
                raise FrameError(f"{str(message[0])[:32]!r} is not expected")


class Channel:
    """The place of one worker; it outlasts the worker, for the next.

    Args:
        name: tells it from every other one of this machine; what an earlier server left under it is removed.
        on_ready: called with the process id of a worker that is ready for tasks.
        on_lost: called with the reason when a worker that was ready is gone; once for each, and not for
            one that left because the channel was closed.
        max_frame: bytes of the longest message.
    """

    def __init__(
        self,
        *,
        name: str,
        on_ready: Callable[[int], None],
        on_lost: Callable[[str], None],
        max_frame: int = MAX_FRAME,
    ) -> None:
        self._name = name
        self._on_ready = on_ready
        self._on_lost = on_lost
        self._max_frame = max_frame
        self._token = secrets.token_hex(16)
        self._directory: Path | None = None
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self._worker: _Worker | None = None

    @property
    def environment(self) -> tuple[tuple[str, str], ...]:
        """What a worker's environment must hold; the token is a secret of the worker's pod."""
        if self._directory is None:
            raise RuntimeError("the channel is not open")
        return (SOCKET, str(self._path(self._directory))), (TOKEN, self._token)

    @property
    def is_ready(self) -> bool:
        """True while there is a worker that takes tasks."""
        return self._worker is not None and self._worker.is_ready

    async def open(self) -> None:
        """Listen, on a socket in a directory that belongs to this user alone.

        Raises:
            OSError: when there is no place for it.
        """
        self._directory = _private_directory(self._name)
        self._server = await asyncio.start_unix_server(self._greet, self._path(self._directory))

    async def run(self, task_id: str, body: bytes, *, on_released: Callable[[int], None]) -> bytes:
        """Have the worker do a task.

        Being cancelled drops the worker: it cannot be interrupted, and must not be given another task.

        Args:
            task_id: names the task to the worker.
            body: what it is given.
            on_released: called with the microseconds of execution when the worker has done what needs it
                alone and only the result is still to come; at most once.

        Raises:
            TaskFailed: when the worker answered so.
            WorkerLost: when there is no worker that is ready, or it went.
            FrameError: when the body is too long; the worker stays.
        """
        worker = self._worker
        if worker is None or not worker.is_ready:
            raise WorkerLost("no worker is ready")
        if worker.task is not None:
            raise RuntimeError(f"the worker is busy with {worker.task.id}")
        answer = asyncio.get_running_loop().create_future()
        worker.send("task", task_id, body)
        worker.task = _Task(task_id, answer, on_released)
        try:
            return bytes(await answer)
        except asyncio.CancelledError:
            self._lose(worker, "its task was cancelled")
            raise

    def drop(self, reason: str) -> None:
        """Forget the worker that is connected, if one is: it ends by itself, unless it is stuck."""
        if self._worker is not None:
            self._lose(self._worker, reason)

    async def close(self) -> None:
        """Let the worker leave, listen no more, and remove the socket; `run` fails with WorkerLost."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.is_ready = False  # so that nobody is told of the loss
            with contextlib.suppress(OSError):
                worker.send("leave")
            self._lose(worker, "the channel was closed", gently=True)
        if self._server is not None:
            self._server.close()
        for talk in tuple(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    @staticmethod
    def _path(directory: Path) -> Path:
        return directory / "worker.sock"

    def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Give a connection a task of ours: the one asyncio makes would tell of its end to nobody."""
        talk = asyncio.ensure_future(self._talk(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        worker: _Worker | None = None
        reason = "the connection ended"
        try:
            async with asyncio.timeout(_HELLO_S):
                worker = self._let_in(await _receive(reader, _MAX_HELLO), writer)
            while not worker.is_dropped:
                self._hear(worker, await _receive(reader, self._max_frame))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except TimeoutError:
            reason = "nothing was said"
        except FrameError as error:
            reason = str(error)
        finally:
            if worker is not None:
                self._lose(worker, reason)
            else:
                _log.warning("channel.refused", reason=reason)
            with contextlib.suppress(OSError):
                writer.close()

    def _let_in(self, message: list[object], writer: asyncio.StreamWriter) -> _Worker:
        peer = writer.get_extra_info("socket").getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
        )
        process, user, _ = _CREDENTIALS.unpack(peer)
        match message:
            case ["hello", version, str(token), int()] if (
                version == VERSION
                and user == os.getuid()
                and secrets.compare_digest(token.encode(), self._token.encode())
            ):
                self.drop("another worker took its place")
                self._worker = _Worker(writer, process, self._max_frame)
                return self._worker
            case _:
                raise FrameError("a stranger was refused")

    def _hear(self, worker: _Worker, message: list[object]) -> None:
        if worker.is_dropped:
            return
        if message != ["ready"]:
            worker.hear(message)
        elif worker.is_ready:
            raise FrameError("'ready' was said twice")
        else:
            worker.is_ready = True
            _log.info("channel.ready", process=worker.process)
            self._on_ready(worker.process)

    def _lose(self, worker: _Worker, reason: str, *, gently: bool = False) -> None:
        if worker.is_dropped:
            return
        if gently:
            worker.is_dropped = True
        else:
            worker.hang_up()
        if self._worker is worker:
            self._worker = None
        task, worker.task = worker.task, None
        if task is not None and not task.answer.done():
            task.answer.set_exception(WorkerLost(reason))
        if worker.is_ready:
            _log.info("channel.lost", process=worker.process, reason=reason)
            self._on_lost(reason)


async def _receive(reader: asyncio.StreamReader, max_frame: int) -> list[object]:
    length = length_of(await reader.readexactly(LENGTH.size), max_frame)
    return decode(await reader.readexactly(length))


def _private_directory(name: str) -> Path:
    prefix = f"polyplane-worker-{hashlib.sha256(name.encode()).hexdigest()[:12]}-"
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    last: OSError | None = None
    for parent in filter(None, (runtime, "/tmp")):  # noqa: S108 mkdtemp makes a directory of our own there
        for left in Path(parent).glob(f"{prefix}*"):
            with contextlib.suppress(FileNotFoundError):  # one of somebody else's, who removes it now
                if left.lstat().st_uid == os.geteuid():
                    shutil.rmtree(left, ignore_errors=True)
        try:
            directory = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        except OSError as error:
            last = error
            continue
        if len(os.fsencode(directory / "worker.sock")) <= MAX_SOCKET_PATH:
            return directory
        directory.rmdir()
    raise last or OSError("no directory is short enough for a socket")
