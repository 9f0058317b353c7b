"""The plane: journal, kernel, projections and engines, put together behind the gateway.

1. What cannot work is said when it is opened, before anything runs.
2. Start: views and actors are filled in one pass over the journal; then engines begin, the hosts
   that the settings declare are declared, and the work that was left is taken up.
3. A commit is shown to views, watches and the placer, in that order, before replies are released.
4. A fenced journal ends the process: `fenced` is set, reads go on meanwhile.
5. Time, chance, threads and engines come from the ground (protocol/ground.py): a simulation puts the
   same plane on another one.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol, Self

import structlog

from actors.effects.engines.engine import Engine
from actors.effects.ledger import HEEDED as LEDGER_HEEDS
from actors.effects.placer import Placer
from actors.effects.pods import PodWorld
from actors.kernel.entity import OutOfOrder
from actors.kernel.ids import TimeOrderedIds
from actors.kernel.kernel import Kernel, Surroundings
from events.codec import UnreadableEvent
from events.host import EngineKind
from events.journal import (
    Committer,
    DataDirectory,
    Journal,
    Locked,
    Outcome,
    Reader,
    UnreadableJournal,
    UnusableDirectory,
)
from events.record import Recorded
from events.worker import WorkerSpec
from projections.history import History
from projections.hot import HotViews
from projections.listing import ColdViews, TableReader
from projections.lists import Lists
from projections.rows import Texts
from projections.runner import Projector
from projections.stamp import OutOfPlace
from projections.tables import NO_TEXTS, Tables
from projections.tail.hub import Tails
from projections.watch.hub import Hub
from projections.watch.selector import Kind
from projections.watch.watcher import Bounds
from protocol.declared import declare_hosts, declared_hosts
from protocol.ground import Ground, MachineGround
from protocol.kernel_gateway import KernelGateway
from protocol.legible import LegibleReader
from protocol.past import Past
from protocol.processors import declared_workers
from protocol.settings import Settings
from protocol.task_gateway import KernelTaskGateway
from protocol.vocabulary import ENTITIES, journal_codec
from protocol.work import Work

SCAN_PAGE = 10_000
"""Records that the views are shown at once while the journal is read at start."""

DAMAGE = (UnreadableEvent, OutOfOrder, OutOfPlace, sqlite3.DatabaseError)
"""How a journal that could be opened turns out not to be whole, or not to be ours."""


class Unusable(Exception):  # noqa: N818 - said of what was found
    """The data directory or the journal cannot be used; the text is one line."""


class Held(Protocol):
    """What the plane needs of a data directory that is held."""

    @property
    def path(self) -> Path:
        """The directory."""

    @property
    def pods(self) -> Path:
        """Directory of the pods' sandboxes."""

    @property
    def is_memory(self) -> bool:
        """True when all of it ends with the process."""

    def close(self) -> None:
        """Let go of it."""


class Plane:
    """Everything behind the façades. Made by `open`.

    Args:
        settings: What is declared.
        data: The directory, held.
        journal: Opened in it.
        tables: Of that journal.
        ground: What it all stands on.
    """

    def __init__(
        self, settings: Settings, data: Held, journal: Journal, tables: Tables, ground: Ground
    ) -> None:
        self.settings = settings
        self.data = data
        self.fenced = asyncio.Event()
        self._journal = journal
        self._tables = tables
        self._projector = Projector(tables)
        self._cold = ColdViews(tables)
        self._ground = ground
        self._hot = HotViews(cold=self._cold, max_over=ground.sizes.views_over)
        self._point_reader = journal.reader()
        self._engines: dict[str, Engine] = {}
        self.reloads: list[Callable[[], None]] = []
        """What is read again at SIGHUP; each raises ValueError for what cannot be used."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended_at = 0
        """Time of the last event before the start, microseconds since the epoch."""
        self._is_started = False
        self._is_draining = False
        self._down = ExitStack()
        self._build()

    @classmethod
    def open(cls, settings: Settings, texts: Texts = NO_TEXTS) -> Self:
        """Take hold of the data directory and open what is in it, inside a running loop. Raises Unusable."""
        try:
            data = DataDirectory.open(settings.data)
        except (Locked, UnusableDirectory) as error:
            raise Unusable(str(error)) from None
        with ExitStack() as undo:
            undo.callback(data.close)
            try:
                journal = data.open_journal(journal_codec())
            except UnreadableJournal as error:
                raise Unusable(str(error)) from None
            undo.callback(journal.close)
            head_reader = journal.reader()
            try:
                head = head_reader.head()
                tables = Tables(data.views, identity=journal.identity, head=head, texts=texts)
            except (OSError, sqlite3.Error) as error:
                raise Unusable(f"{data.views} cannot be written: {error}") from None
            finally:
                head_reader.close()
            undo.pop_all()
            log_bytes = settings.limits.log_mb * 2**20
            ground = MachineGround(log_bytes=log_bytes, is_last=data.is_memory)
            return cls(settings, data, journal, tables, ground)

    # ------------------------------------------------------------ what others see

    @property
    def gateway(self) -> KernelGateway:
        """The door for façades; it opens when the plane has started."""
        return self._gateway

    @property
    def task_gateway(self) -> KernelTaskGateway:
        """The door for façades that queue work."""
        return self.work.gateway

    @property
    def revision(self) -> int:
        """Revision of the last commit that views have seen."""
        return self._hot.revision

    @property
    def is_serving(self) -> bool:
        """False before the start, when fenced, and when draining."""
        return self._is_started and not self._is_draining and not self.fenced.is_set()

    def metrics(self) -> Mapping[str, float]:
        """Gauges by name."""
        return {
            "revision": self.revision,
            "lists_lag_revisions": self.revision - self._projector.checkpoint,
            "actors": len(self._kernel.directory),
            "views": len(self._hot),
            "appends_waiting": self._kernel.commits.waiting,
            "sends_waiting": self._kernel.post.waiting,
            "timers": len(self._kernel.timers),
            "pods_without_host": self._placer.waiting,
            **self.work.metrics(),
            "watchers": sum(self._hub.watchers(kind) for kind in Kind) + len(self._tails),
        }

    # ------------------------------------------------------------ start

    async def start(self) -> None:
        """Fill memory, start engines, declare hosts, take up what was left."""
        self._journal.sweep()
        try:
            resume = self._kernel.recover(self._replayed(), self._recalls())
        except DAMAGE as error:
            raise Unusable(f"the journal in {self.data.path} cannot be read: {error}") from error
        self._hub = Hub(
            revision=self._hot.revision,
            readers=self._journal_readers,
            random_id=lambda: self._ground.random_bits(64),
            max_watchers=self.settings.limits.watchers,
            remembered_appends=self._ground.sizes.remembered_appends,
            bounds=Bounds(
                max_behind=self._ground.sizes.watcher_behind,
                buffer_bytes=self.settings.limits.watch_buffer_kb * 1024,
            ),
        )
        self._tails = Tails(
            revision=self._hot.revision,
            readers=self._journal_readers,
            max_tails=self.settings.limits.watchers,
            remembered_appends=self._ground.sizes.remembered_appends,
        )
        self._projecting.start()
        self._writer.start()
        declared = declared_hosts(self.settings, self._ground, self.data.path)
        known = {view.id: view.spec.engine for view in self._hot.hosts()}
        kinds = known | {name: spec.engine for name, spec in declared.items()}
        for name, kind in kinds.items():
            self._engines[name] = self._engine(name, kind)
        await asyncio.gather(*(engine.start() for engine in self._engines.values()))
        resume()
        refused = await declare_hosts(self._kernel, self._hot.hosts(), declared)
        refused = refused or await self.work.start(self._workers(), self._ended_at)
        if refused is not None:
            raise Unusable(f"what the settings declare was refused: {refused.reason}")
        self._is_started = True

    def _build(self) -> None:
        journal, ground = self._journal, self._ground
        new_id = TimeOrderedIds(ground.clock.now, ground.random_bits)
        legible = partial(LegibleReader, journal.reader, set())
        journal_readers = ground.readers(legible, threads=1, name="journal-reader")
        self._journal_readers = journal_readers
        self._down.callback(journal_readers.close)
        table_readers = ground.readers(lambda: TableReader(self._tables), threads=2, name="table-reader")
        self._down.callback(table_readers.close)
        committer = Committer(
            journal, max_appends=ground.sizes.waiting_appends, batch_events=ground.sizes.batch_events
        )
        self._writer = ground.writer(committer, self._conclude)
        self._projecting = ground.projector(self._projector, journal.reader, self._projected)
        self._lists = Lists(self._hot, table_readers, self._projecting)

        async def read_page(stream: str, after: int, limit: int) -> list[Recorded]:
            return await journal_readers.run(lambda it: it.plain.stream(stream, after=after, limit=limit))

        self._kernel = Kernel(
            entities=ENTITIES,
            codec=journal.codec,
            writer=self._writer,
            point_reader=self._point_reader,
            world=Surroundings(
                clock=ground.clock,
                new_id=new_id,
                defer=ground.defer,
                later=ground.later,
                spawn=self._spawn,
                read_page=read_page,
                on_fenced=self._fence,
            ),
            dispatcher=ground.dispatcher(),
            mailbox_bound=self.settings.limits.mailbox,
            resident_bound=ground.sizes.residents,
        )
        self._kernel.observe(self._show)
        self._placer = Placer(kernel=self._kernel, later=ground.later)
        self.work = Work(
            kernel=self._kernel,
            hot=self._hot,
            ground=ground,
            read_page=read_page,
            spawn=self._spawn,
            is_open=lambda: self.is_serving,
            placing=self._placer,
            new_id=new_id,
            settings=self.settings.fn,
            path=self.data.path,
        )
        self._world = PodWorld(
            kernel=self._kernel,
            engines=self._engines,
            later=ground.later,
            environment=self.work.dispatch.environment,
        )
        self._gateway = KernelGateway(
            kernel=self._kernel,
            hot=self._hot,
            lists=self._lists,
            history=History(journal_readers),
            hub=lambda: self._hub,
            tails=lambda: self._tails,
            past=Past(journal_readers, ENTITIES),
            journal=journal.identity,
            topic_of=journal.codec.topic_of,
            new_id=new_id,
            is_open=lambda: self.is_serving,
        )

    def _workers(self) -> Mapping[str, WorkerSpec]:
        return declared_workers(self.settings)

    def _recalls(self) -> Mapping[type, Callable[[Recorded], None]]:
        """Return who is shown which events of the past."""
        return {**dict.fromkeys(LEDGER_HEEDS, self._placer.recall), **self.work.recalls()}

    def _replayed(self) -> Iterator[Recorded]:
        """Yield the whole journal, having shown each part to the views first."""
        reader: Reader = self._journal.reader()
        try:
            try:
                self._hot.begin()
            except (sqlite3.Error, UnreadableEvent, TypeError) as error:  # then all is folded
                structlog.get_logger().warning("tables_unreadable", reason=str(error))
            records = reader.scan()
            while part := list(islice(records, SCAN_PAGE)):
                self._projector.offer((self._hot.replay(part),))
                self._ended_at = part[-1].envelope.at
                yield from part
        finally:
            reader.close()

    def _engine(self, name: str, kind: EngineKind) -> Engine:
        return self._ground.engine(name, kind, self.data.path, self._world.report)

    # ------------------------------------------------------------ run

    def _conclude(self, outcomes: Sequence[Outcome]) -> None:
        self._kernel.conclude(outcomes)

    def _show(self, outcomes: Sequence[Outcome]) -> None:
        records = [record for outcome in outcomes for record in outcome.records or ()]
        advances = self._hot.apply(records)
        self._projecting.offer(advances)
        self.work.show(records, advances)
        self._hub.publish(advances)
        self._tails.publish(records)

    def _projected(self, checkpoint: int) -> None:
        self._lists.advanced(checkpoint)

    def _fence(self, detail: str) -> None:
        structlog.get_logger().critical("journal_fenced", detail=detail)
        self.fenced.set()

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ------------------------------------------------------------ end

    async def drain(self) -> None:
        """Take no new work; watches end; what was decided is carried through."""
        self._is_draining = True
        self.work.slots.drain()
        self._kernel.commits.end()
        self.work.endings.shutdown()
        if self._is_started:
            self._hub.shutdown()
            self._tails.shutdown()

    async def close(self) -> None:
        """Let go of engines, threads, journal and directory; pods go on running."""
        self._is_draining = True
        self.work.endings.shutdown()
        await self.work.close()
        await asyncio.gather(
            *(engine.close(end_pods=self.data.is_memory) for engine in self._engines.values())
        )
        if self._is_started:
            self._kernel.timers.close()
            self._placer.close()
            self._writer.close()
            await asyncio.sleep(0)  # the loop's turn to hear of the last commits
            self._projecting.stop()
        for task in list(self._tasks):
            task.cancel()
        self._down.close()
        self._cold.close()
        self._tables.close()
        self._point_reader.close()
        self._journal.close()
        self.data.close()
