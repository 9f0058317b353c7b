"""The projector: brings the tables to where the hot views are, in batches.

1. Views are folded once, on the loop; the projector stores the newest of each entity. What waits
   is one view for each changed entity, which is in memory anyway: there is nothing to overflow. Names
   that jobs had wait too, each once.
2. The checkpoint moves only with everything up to it, in the same transaction.
3. `Projector` is steps, for a thread or a simulation; `ProjectorThread` takes them.
4. Tables that fail for good, or that a reader found damaged, are made anew from the journal, while the
   server goes on. Whatever else goes wrong in a step is tried again: the thread ends only when it is told.
"""

import sqlite3
import threading
from collections.abc import Callable, Sequence

import structlog

from events.codec import UnreadableEvent
from projections.hot import Advance, HotViews
from projections.jobs import JobName
from projections.listing import ColdViews
from projections.reading import JournalReader
from projections.tables import Tables
from projections.view import View

SCAN_PAGE = 5_000
"""Records that a replay takes at once, between two transactions of the tables."""

LINGER_S = 1.0
"""How long changes are collected while no list waits for them."""

PAUSE_S = 1.0
"""Time between attempts while the disk refuses."""


class Projector:
    """What waits to be stored, and the step that stores it."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._lock = threading.Lock()
        """Guards `_waiting`, `_former_names` and `_offered`; innermost."""
        self._waiting: dict[str, View] = {}
        self._former_names: set[JobName] = set()
        self._offered = tables.checkpoint
        self._is_broken = False
        """True while the tables hold less than their checkpoint says, or nothing at all."""

    @property
    def checkpoint(self) -> int:
        """Revision up to which the tables have everything."""
        return self._tables.checkpoint

    @property
    def has_work(self) -> bool:
        """True when `step` would do anything."""
        return (
            self._offered > self._tables.checkpoint or bool(self._tables.indexes) or self._tables.is_damaged
        )

    def on_wish(self, wake: Callable[[], object]) -> None:
        """Name who is called, on any thread, when `has_work` becomes true without an offer."""
        self._tables.indexes.on_wish = self._tables.on_doubt = wake

    def read_meanwhile(self, journal_reader: Callable[[], JournalReader]) -> None:
        """Name who makes readers of the journal, which is read while tables are made anew."""
        self._tables.journal = journal_reader

    def offer(self, advances: Sequence[Advance]) -> None:
        """Take what changed, in order and without gaps. What the tables have already is left out."""
        with self._lock:
            for advance in advances:
                if advance.revision > self._offered:
                    self._waiting.update(advance.views)
                    self._former_names.update(advance.former_names)
                    self._offered = advance.revision

    def step(self) -> bool:
        """Store what waits in one transaction; return whether there was anything.

        Raises sqlite3.Error, and then all of it waits again.
        """
        if self._is_broken or self._tables.is_damaged:
            raise sqlite3.DatabaseError("the tables have to be made anew")
        with self._lock:
            views, names, revision = self._waiting, self._former_names, self._offered
            self._waiting, self._former_names = {}, set()
        if revision <= self._tables.checkpoint and not self._tables.indexes:
            return False
        try:
            self._tables.write(views.values(), revision, former_names=names)
        except BaseException:
            with self._lock:
                self._waiting = views | self._waiting
                self._former_names |= names
            raise
        return True

    def rebuild(self, reader: JournalReader) -> None:
        """Make the tables anew from the journal, up to what was offered. Raises sqlite3.Error."""
        with self._lock:
            self._waiting, self._former_names, until = {}, set(), self._offered
        self._is_broken = True
        self._tables.is_whole = False
        self._tables.reset()
        cold = ColdViews(self._tables, is_rebuilding=True)
        try:
            replay(reader, HotViews(cold=cold), Projector(self._tables), until=until)
        finally:
            cold.close()
        self._is_broken = False
        self._tables.is_whole = not self._tables.is_damaged


def replay(
    reader: JournalReader,
    hot: HotViews,
    projector: Projector,
    *,
    until: int | None = None,
    page: int = SCAN_PAGE,
) -> None:
    """Bring hot views, and the tables behind them, from where they are to the journal's head."""
    while records := reader.page(hot.revision + 1, page, until):
        projector.offer((hot.replay(records),))
        projector.step()


class ProjectorThread:
    """Takes the projector's steps.

    Args:
        projector: Whose steps.
        journal_reader: Makes a reader of the journal, should the tables have to be made anew.
        on_checkpoint: Told on this thread after each step.
        linger_s: How long changes are collected.
    """

    def __init__(
        self,
        projector: Projector,
        *,
        journal_reader: Callable[[], JournalReader],
        on_checkpoint: Callable[[int], None],
        linger_s: float = LINGER_S,
    ) -> None:
        projector.read_meanwhile(journal_reader)
        self._projector = projector
        self._journal_reader = journal_reader
        self._on_checkpoint = on_checkpoint
        self._linger_s = linger_s
        self._work = threading.Event()
        self._hurry = threading.Event()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="projector", daemon=True)
        self._log = structlog.get_logger()

    def start(self) -> None:
        """Begin."""
        self._projector.on_wish(self._work.set)
        self._thread.start()

    @property
    def checkpoint(self) -> int:
        """Revision up to which the tables have everything."""
        return self._projector.checkpoint

    def offer(self, advances: Sequence[Advance]) -> None:
        """Take what changed; stored within the linger."""
        self._projector.offer(advances)
        if not self._work.is_set():
            self._work.set()

    def hurry(self) -> None:
        """Store what waits now: somebody waits for it."""
        self._hurry.set()
        self._work.set()

    def stop(self) -> None:
        """Store what waits and end."""
        self._is_stopping = True
        self.hurry()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_stopping:
            self._work.wait()
            self._hurry.wait(self._linger_s)
            self._hurry.clear()
            self._work.clear()
            self._step()
        self._step()

    def _step(self) -> None:
        try:
            if not self._projector.step():
                return
        except sqlite3.OperationalError as error:
            self._log.warning("tables.refused", error=str(error))
            self._pause()
            return
        except sqlite3.Error as error:
            self._log.warning("tables.rebuild", error=str(error))
            if not self._rebuilt():
                return
        except Exception:  # noqa: BLE001 - a bug; what waits is kept, and lists say that they are behind
            self._log.exception("tables.failed")
            self._pause()
            return
        self._on_checkpoint(self._projector.checkpoint)

    def _rebuilt(self) -> bool:
        reader = self._journal_reader()
        try:
            self._projector.rebuild(reader)
        except (sqlite3.Error, OSError, UnreadableEvent) as error:
            self._log.warning("tables.rebuild_failed", error=str(error))
            self._pause()
            return False
        finally:
            reader.close()
        return True

    def _pause(self) -> None:
        """Wait before the next attempt, which follows whether or not anything new is offered."""
        if not self._is_stopping:
            self._hurry.wait(PAUSE_S)
            self._work.set()
