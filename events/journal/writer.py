"""The writer: a committer on its own thread, and the way back to the event loop.

1. The event loop's thread submits; the writer's thread commits; outcomes come back to the loop by
   one `call_soon_threadsafe` per commit.
2. `epoch` is the epoch as the loop knows it: it changes on the loop, right before the outcomes
   that tell why. What was decided before that carries the old epoch and is refused.
3. Linger: an append that comes alone is committed at once. After a batch of several the writer waits,
   the longer the more there were, so that the next transaction is longer: each costs a disk sync and
   several switches between threads whatever its length. On a fast disk nothing else makes batches.
   It does not wait for more when `ENOUGH` events wait already: who sent those may be all there are.
4. The committer's lock is not held while storing.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Protocol

from events.journal.append import Append, Outcome
from events.journal.committer import Committer
from events.journal.store import Snapshot

OnOutcomes = Callable[[Sequence[Outcome]], None]
"""Called on the loop with the outcomes of one commit, in the order of submission."""

LINGER_S = 0.01
LINGER_EACH_S = 0.001
"""How long the writer waits for each append of the batch before, up to the linger."""
ENOUGH = 100
"""Events that take longer to store than a transaction takes beside them."""


class Appender(Protocol):
    """What the kernel sees of a writer."""

    @property
    def epoch(self) -> int:
        """The epoch that appends have to carry."""

    def submit(self, append: Append) -> None:
        """Take an append. Raises Full, Unencodable or ValueError; then no outcome follows."""

    def submit_snapshot(self, snapshot: Snapshot) -> None:
        """Take a snapshot of a committed version."""


class SteppedWriter:
    """A writer whose commits and deliveries are steps that a simulation takes.

    Args:
        committer: Stores.
        on_outcomes: Told by `deliver`.
    """

    def __init__(self, committer: Committer, on_outcomes: OnOutcomes) -> None:
        self._committer = committer
        self._on_outcomes = on_outcomes
        self._undelivered: list[tuple[list[Outcome], int]] = []
        self.epoch = committer.epoch
        """The epoch that appends have to carry."""

    def submit(self, append: Append) -> None:
        """Take an append."""
        self._committer.submit(append)

    def submit_snapshot(self, snapshot: Snapshot) -> None:
        """Take a snapshot."""
        self._committer.submit_snapshot(snapshot)

    @property
    def can_commit(self) -> bool:
        """True when `commit` would do anything."""
        return self._committer.has_work

    @property
    def can_deliver(self) -> bool:
        """True when outcomes wait for `deliver`."""
        return bool(self._undelivered)

    def commit(self) -> None:
        """Commit one batch; its outcomes wait for `deliver`."""
        outcomes = self._committer.commit()
        if outcomes:
            self._undelivered.append((outcomes, self._committer.epoch))

    def deliver(self) -> None:
        """Tell the outcomes of the oldest commit that are untold."""
        outcomes, self.epoch = self._undelivered.pop(0)
        self._on_outcomes(outcomes)


class Writer:
    """A thread that commits.

    Args:
        committer: Stores; nobody else calls its `commit`.
        loop: Where outcomes are told.
        on_outcomes: Told them.
        linger_s: Longest wait for more appends under load, seconds.
        linger_each_s: Wait for each append of the batch before, when that were several.
        wait: Waits so many seconds, or less; a test passes its own.
    """

    def __init__(
        self,
        committer: Committer,
        loop: asyncio.AbstractEventLoop,
        on_outcomes: OnOutcomes,
        *,
        linger_s: float = LINGER_S,
        linger_each_s: float = LINGER_EACH_S,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self._committer = committer
        self._loop = loop
        self._on_outcomes = on_outcomes
        self._linger_s = linger_s
        self._linger_each_s = linger_each_s
        self._closing = threading.Event()
        self._wait = self._closing.wait if wait is None else wait
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._is_waiting = False
        self._epoch = committer.epoch
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)

    @property
    def epoch(self) -> int:
        """The epoch that appends have to carry."""
        return self._epoch

    @property
    def is_fenced(self) -> bool:
        """True when no append will be stored any more."""
        return self._committer.is_fenced

    def start(self) -> None:
        """Begin to commit."""
        self._thread.start()

    def submit(self, append: Append) -> None:
        """Take an append; its outcome is told on the loop.

        Raises Full when too much waits, Unencodable or ValueError for an append that should not
        have been made, RuntimeError after `close`; then no outcome follows.
        """
        if self._closing.is_set():
            raise RuntimeError("the writer is closed")
        self._committer.submit(append)
        self._notify()

    def submit_snapshot(self, snapshot: Snapshot) -> None:
        """Take a snapshot of a committed version. It is stored when there is time, or lost."""
        self._committer.submit_snapshot(snapshot)
        self._notify()

    def close(self) -> None:
        """Commit what waits, end the thread and the committer. Outcomes are told when the loop runs again."""
        self._closing.set()
        self._wake.put(None)
        if self._thread.ident is not None:
            self._thread.join()
        self._committer.close()

    def _notify(self) -> None:
        # The thread says that it waits before it looks at the queue for the last time, so an append
        # that finds it not waiting will be seen; this saves waking it for each append under load.
        if self._is_waiting:
            self._is_waiting = False
            self._wake.put(None)
            os.sched_yield()  # on one core it goes first: soon it waits for the disk, and the loop goes on

    def _run(self) -> None:
        last = 0
        while self._await_work():
            if last > 1 and self._committer.pending_events < ENOUGH and not self._closing.is_set():
                self._wait(min(self._linger_s, last * self._linger_each_s))
            outcomes = self._committer.commit()
            last = len(outcomes)
            if outcomes:
                self._tell(outcomes)

    def _await_work(self) -> bool:
        """Wait for something to commit; return False when there is nothing and nothing will come."""
        self._is_waiting = True
        while not self._committer.has_work and not self._closing.is_set():
            self._wake.get()
            self._is_waiting = True
        self._is_waiting = False
        return self._committer.has_work

    def _tell(self, outcomes: list[Outcome]) -> None:
        try:
            self._loop.call_soon_threadsafe(self._deliver, outcomes, self._committer.epoch)
        except RuntimeError:
            # The loop is closed: nobody waits for these outcomes any more.
            self._closing.set()

    def _deliver(self, outcomes: list[Outcome], epoch: int) -> None:
        self._epoch = epoch
        self._on_outcomes(outcomes)
