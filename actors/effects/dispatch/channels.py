"""Tasks that are done by processes in pods, each reached over a channel of its own.

1. What a worker is given is made of a task's program by the opener of its kind, at the last moment:
   what it says in clear stands nowhere else.
2. A task that leaves its worker is told of only when its result does not follow at once.
3. A worker that is killed is dropped here; its process ends because its pod is made to.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from actors.effects.channel import Channel, Fault, TaskFailed, WorkerLost
from actors.effects.dispatch.engine import (
    Listener,
    Opener,
    TaskBroke,
    TaskDone,
    TaskLeft,
    TaskOrder,
    WorkerGone,
    WorkerUp,
)
from events.record import id_of
from events.task import FailureKind
from events.worker import WorkerSpec

SOON_S = 0.02
"""Time within which a result follows the release of its worker "at once"."""
_KINDS = {Fault.USER: FailureKind.USER, Fault.SERVICE: FailureKind.SERVICE}


@dataclass(slots=True)
class Line:
    """The way to one worker."""

    channel: Channel
    running: "asyncio.Task[None] | None" = None


class ChannelEngine:
    """Does tasks in processes.

    Args:
        listener: Told of everything.
        openers: By kind of program.
        data: The data directory: workers of others may have the same names.
        spawn: Runs a coroutine beside the rest.
        later: Calls after so many seconds.
    """

    def __init__(
        self,
        listener: Listener,
        openers: Mapping[str, Opener],
        *,
        data: Path,
        later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._listener = listener
        self._openers = openers
        self._data = data.absolute()
        self._later = later
        self._lines: dict[str, Line] = {}

    async def start(self) -> None:
        """Do nothing: each worker has its own channel."""

    async def close(self) -> None:
        """Let all workers leave."""
        lines, self._lines = self._lines, {}
        for line in lines.values():
            if line.running is not None:
                line.running.cancel()
            await line.channel.close()

    async def open(self, worker: str, spec: WorkerSpec) -> None:
        """Listen for what does a worker's work."""
        del spec
        channel = Channel(
            name=f"{self._data}\0{worker}",
            on_ready=lambda _: self._listener(WorkerUp(worker=worker)),
            on_lost=lambda reason: self._listener(WorkerGone(worker=worker, reason=reason)),
        )
        await channel.open()
        self._lines[worker] = Line(channel)

    def environment(self, worker: str) -> tuple[tuple[str, str], ...]:
        """Return what a worker's process has to be told in order to find us."""
        line = self._lines.get(worker)
        return line.channel.environment if line is not None else ()

    def run(self, order: TaskOrder) -> None:
        """Do a task, once what the worker did before is whole."""
        line = self._lines[order.worker]
        line.running = asyncio.ensure_future(self._run(line, line.running, order))

    def kill(self, worker: str, reason: str) -> None:
        """Forget the process."""
        line = self._lines.get(worker)
        if line is None:
            return
        if line.running is not None:
            line.running.cancel()
        line.channel.drop(reason)

    async def _run(self, line: Line, before: Awaitable[None] | None, order: TaskOrder) -> None:
        if before is not None:
            await asyncio.wait([asyncio.ensure_future(before)])
        worker, task = order.worker, order.task
        held_us: int | None = None
        is_told = False

        def left() -> None:
            nonlocal is_told
            if not is_over and not is_told:
                is_told = True
                self._listener(TaskLeft(worker=worker, task=task, held_us=held_us))

        def released(duration_us: int) -> None:
            nonlocal held_us
            held_us = duration_us
            self._later(SOON_S, left)

        is_over = False
        try:
            body = await self._body(order)
            result = await line.channel.run(id_of(task), body, on_released=released)
        except ValueError as error:
            kind, message = FailureKind.SERVICE, str(error)
            self._listener(TaskBroke(worker=worker, task=task, kind=kind, message=message))
        except TaskFailed as failed:
            kind = _KINDS[failed.fault]
            broke = TaskBroke(
                worker=worker, task=task, kind=kind, message=failed.message, held_us=failed.duration_us
            )
            self._listener(broke)
        except WorkerLost:
            pass  # the channel tells that by itself
        else:
            self._listener(TaskDone(worker=worker, task=task, result=result, held_us=held_us))
        finally:
            is_over = True

    async def _body(self, order: TaskOrder) -> bytes:
        program = order.program
        opener = self._openers.get(program.kind) if program is not None else None
        if program is None or opener is None:
            raise ValueError("nobody here knows how to run this task")
        if len(program.body) < 65_536:  # noqa: PLR2004 - what a thread would only make slower
            return opener(program, order.arguments, id_of(order.task))
        return await asyncio.to_thread(opener, program, order.arguments, id_of(order.task))
