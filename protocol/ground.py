"""What the plane stands on: time, chance, threads and engines, of this machine or of a simulation.

1. The plane is put together in one way (protocol/plane.py); only what is here differs.
2. `MachineGround` is the machine's: its clock, its threads, its processes. The other ground is
   `protocol/simulation/ground.py`, where all of it is steps of one scheduler.
3. Whatever a ground makes is begun and ended by the plane.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from actors.effects.dispatch import Listener as TaskListener
from actors.effects.dispatch import TaskEngine
from actors.effects.dispatch.channels import ChannelEngine
from actors.effects.dispatch.engine import Opener
from actors.effects.engines.engine import Engine, Listener
from actors.effects.engines.process.engine import LINGER_S, ProcessEngine
from actors.effects.engines.process.measure import capacity_of_this_machine, local_address
from actors.effects.engines.simulated import SimulatedEngine
from actors.effects.slots.place import MachinePlaces, Places
from actors.kernel.clock import Clock, LoopClock
from actors.kernel.dispatcher import Dispatcher
from events.capacity import Resources
from events.host import EngineKind
from events.journal import Appender, Committer, Outcome, Writer
from projections.hot import MAX_OVER, Advance
from projections.reading import Closable, JournalReader, Readers, ReaderThreads
from projections.runner import Projector, ProjectorThread
from projections.watch.hub import REMEMBERED_APPENDS

LAST_LINGER_S = 5.0
"""How long agents wait for a server that keeps nothing: it may lose its connection, but nobody follows it."""

C = TypeVar("C", bound=Closable)
C_co = TypeVar("C_co", bound=Closable, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is kept and taken at once; the defaults are those of a real server."""

    batch_events: int = 2_000
    """About how many events one commit stores."""
    waiting_appends: int = 20_000
    """Appends that may wait to be stored."""
    residents: int = 250_000
    """Actors that stay in memory."""
    views_over: int = MAX_OVER
    """Views of what is over that stay in memory."""
    remembered_appends: int = REMEMBERED_APPENDS
    """Appends that the watch hub remembers."""
    watcher_behind: int = 100
    """Messages that wait for one watcher before they are joined."""


class RunningWriter(Appender, Protocol):
    """A writer, and when it runs."""

    def start(self) -> None:
        """Begin to commit."""

    def close(self) -> None:
        """Commit what waits and end."""


class RunningProjector(Protocol):
    """Who takes the projector's steps, and when."""

    @property
    def checkpoint(self) -> int:
        """Revision up to which the tables have everything."""

    def start(self) -> None:
        """Begin."""

    def offer(self, advances: Sequence[Advance]) -> None:
        """Take what changed."""

    def hurry(self) -> None:
        """Store what waits now: somebody waits for it."""

    def stop(self) -> None:
        """Store what waits and end."""


class RunningReaders(Readers[C_co], Protocol[C_co]):
    """Readers, and their end."""

    def close(self) -> None:
        """Wait for reads that have begun, drop the others, close the connections."""


class Ground(Protocol):
    """Everything that a plane needs and does not make itself."""

    clock: Clock
    sizes: Sizes

    def random_bits(self, count: int) -> int:
        """Return so many random bits."""

    def defer(self, call: Callable[[], None]) -> object:
        """Call soon, on the loop."""

    def later(self, seconds: float, call: Callable[[], None]) -> object:
        """Call after so many seconds, on the loop."""

    def dispatcher(self) -> Dispatcher:
        """Make what gives actors their turns."""

    def writer(self, committer: Committer, on_outcomes: Callable[[Sequence[Outcome]], None]) -> RunningWriter:
        """Make what commits; outcomes are told on the loop."""

    def projector(
        self,
        projector: Projector,
        journal_reader: Callable[[], JournalReader],
        on_checkpoint: Callable[[int], None],
    ) -> RunningProjector:
        """Make what takes the projector's steps; checkpoints are told on the loop."""

    def readers(self, connect: Callable[[], C], *, threads: int, name: str) -> RunningReaders[C]:
        """Make what runs reads beside the loop."""

    def engine(self, name: str, kind: EngineKind, path: Path, listener: Listener) -> Engine:
        """Make the engine of a host; `path` is the data directory."""

    def task_engine(self, listener: TaskListener, openers: Mapping[str, Opener], path: Path) -> TaskEngine:
        """Make what does tasks; openers come to be known later, `path` is the data directory."""

    def socket_places(self, path: Path) -> Places:
        """Return where sockets of processes are; `path` is the data directory."""

    def capacity(self, path: Path) -> Resources:
        """Return what this machine offers; `path` is the data directory."""

    def address(self) -> str:
        """Return where this machine's processes are reached."""


class MachineGround:
    """The ground of a real server. Made inside the running loop.

    Args:
        log_bytes: What one log of a container may take on disk; 0 for any number.
        is_last: True when nothing is kept for another server: whatever runs ends with this one.
    """

    def __init__(self, *, log_bytes: int = 0, is_last: bool = False) -> None:
        self._log_bytes = log_bytes
        self._is_last = is_last
        self._loop = asyncio.get_running_loop()
        # Seeded by the system once: ids have to be unique, not secret, and a call of the system each costs.
        self._random = random.Random(random.SystemRandom().getrandbits(256))  # noqa: S311
        self.clock: Clock = LoopClock(self._loop)
        self.sizes = Sizes()

    def random_bits(self, count: int) -> int:
        """Return so many random bits."""
        return self._random.getrandbits(count)

    def defer(self, call: Callable[[], None]) -> object:
        """Call soon."""
        return self._loop.call_soon(call)

    def later(self, seconds: float, call: Callable[[], None]) -> object:
        """Call after so many seconds."""
        return self._loop.call_later(seconds, call)

    def dispatcher(self) -> Dispatcher:
        """Make a dispatcher: first come, first served."""
        return Dispatcher(self._loop.call_soon)

    def writer(self, committer: Committer, on_outcomes: Callable[[Sequence[Outcome]], None]) -> RunningWriter:
        """Make a thread that commits."""
        return Writer(committer, self._loop, on_outcomes)

    def projector(
        self,
        projector: Projector,
        journal_reader: Callable[[], JournalReader],
        on_checkpoint: Callable[[int], None],
    ) -> RunningProjector:
        """Make a thread that takes the steps."""

        def tell(checkpoint: int) -> None:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(on_checkpoint, checkpoint)

        return ProjectorThread(projector, journal_reader=journal_reader, on_checkpoint=tell)

    def readers(self, connect: Callable[[], C], *, threads: int, name: str) -> RunningReaders[C]:
        """Make threads that read."""
        return ReaderThreads(connect, threads=threads, name=name)

    def engine(self, name: str, kind: EngineKind, path: Path, listener: Listener) -> Engine:
        """Make the engine of a host."""
        if kind is EngineKind.SIMULATED:
            return SimulatedEngine(name, listener, self.clock)
        return ProcessEngine(
            name,
            path,
            listener,
            linger_s=LAST_LINGER_S if self._is_last else LINGER_S,
            log_bytes=self._log_bytes,
            is_last=self._is_last,
        )

    def task_engine(self, listener: TaskListener, openers: Mapping[str, Opener], path: Path) -> TaskEngine:
        """Make what does tasks in processes."""
        return ChannelEngine(listener, openers, data=path, later=self.later)

    def socket_places(self, path: Path) -> Places:
        """Return directories of this machine."""
        return MachinePlaces(path)

    def capacity(self, path: Path) -> Resources:
        """Return what this machine offers."""
        return capacity_of_this_machine(path)

    def address(self) -> str:
        """Return where this machine is reached."""
        return local_address()
