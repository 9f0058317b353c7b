"""The committer: a bounded queue of appends, and one step that stores a batch of them.

1. No thread, no clock: `submit` and `commit` may be steps of a simulation. With a thread, one
   thread submits and another commits; the lock guards the queue and its counters, nothing else.
2. Events are encoded when they are submitted: whoever made an event that cannot be encoded hears
   it there and then, and the queue holds only what can be stored.
3. Every append that was accepted gets exactly one outcome, in the order of submission.
4. A failure that stored nothing fails all that waits and begins a new epoch; appends decided in
   an older epoch are refused. A failure whose outcome is unknown is looked up (design: found,
   absent, or still unknown).
5. What must not happen fences: the committer takes no appends any more, and tries nothing again.
"""

import threading
from collections import deque
from collections.abc import Sequence

from events.journal.append import Append, Failure, Outcome
from events.journal.journal import Journal
from events.journal.prepared import Prepared, prepare
from events.journal.store import Conflict, NewRow, NotStored, OutcomeUnknown, Snapshot

SNAPSHOTS_AT_ONCE = 64
"""Snapshots that may wait while appends do not stop."""


class Full(Exception):  # noqa: N818 - a refusal is named for what is wrong
    """The queue is at its bound; nothing was taken. Later it may be."""


class Committer:
    """Stores appends in a journal.

    Args:
        journal: The journal, of which this is the only committer.
        max_events: Bound of the queue. One append may overshoot it, so that a long one fits at all.
        max_appends: As `max_events`, counted in appends.
        batch_events: About how many events one transaction stores; an append is never split.
        remembered: How many streams' versions are remembered.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        max_events: int = 50_000,
        max_appends: int = 20_000,
        batch_events: int = 2_000,
        remembered: int = 200_000,
    ) -> None:
        self._journal = journal
        self._stored = journal.store.rows()
        self._max_events = max_events
        self._max_appends = max_appends
        self._batch_events = batch_events
        self._remembered = remembered
        self._lock = threading.Lock()
        self._queue: deque[Prepared] = deque()
        self._events = 0
        self._snapshots: dict[str, Snapshot] = {}
        self._versions: dict[str, int] = {}
        """By stream, least recently written first."""
        self._epoch = 1
        self._fenced = ""

    @property
    def epoch(self) -> int:
        """The epoch of which appends are stored, from 1. Read it where outcomes are handled."""
        return self._epoch

    @property
    def is_fenced(self) -> bool:
        """True when no append will be stored any more."""
        return bool(self._fenced)

    @property
    def pending_appends(self) -> int:
        """How many appends wait."""
        return len(self._queue)

    @property
    def pending_events(self) -> int:
        """How many events wait."""
        return self._events

    @property
    def has_work(self) -> bool:
        """True when `commit` would do anything."""
        return bool(self._queue or self._snapshots)

    def submit(self, append: Append) -> None:
        """Take an append into the queue.

        Raises Full when the queue is at its bound, and Unencodable or ValueError for an append
        that should not have been made. Either way nothing was taken and no outcome follows.
        """
        if self._events >= self._max_events or len(self._queue) >= self._max_appends:
            raise Full(f"{len(self._queue)} appends with {self._events} events wait to be stored")
        prepared = prepare(append, self._journal.codec)
        with self._lock:
            self._queue.append(prepared)
            self._events += len(prepared.rows)

    def submit_snapshot(self, snapshot: Snapshot) -> None:
        """Take a snapshot of a committed version. It is stored when there is time, or lost."""
        with self._lock:
            self._snapshots[snapshot.stream] = snapshot

    def commit(self) -> list[Outcome]:
        """Store one batch and say what became of each of its appends.

        After a failure the outcomes of everything else that waits are among them.
        """
        outcomes = self._commit_batch(self._take()) if self._queue else []
        if self._snapshots and (not self._queue or len(self._snapshots) >= SNAPSHOTS_AT_ONCE):
            self._store_snapshots()
        return outcomes

    def close(self) -> None:
        """Give back what looking up holds. The journal stays open."""
        self._stored.close()

    # ------------------------------------------------------------ one batch

    def _take(self, *, everything: bool = False) -> list[Prepared]:
        with self._lock:
            batch: list[Prepared] = []
            count = 0
            while self._queue:
                length = len(self._queue[0].rows)
                if batch and count + length > self._batch_events and not everything:
                    break
                batch.append(self._queue.popleft())
                count += length
            self._events -= count
            return batch

    def _commit_batch(self, batch: list[Prepared]) -> list[Outcome]:
        try:
            return self._store(batch)
        except NotStored as error:
            return self._begin_epoch(batch, str(error))
        except (Conflict, OutcomeUnknown) as error:
            return self._fence(batch, str(error))
        except Exception as error:  # noqa: BLE001 - a bug here must not leave callers without an outcome
            return self._fence(batch, f"{type(error).__name__}: {error}")

    def _store(self, batch: list[Prepared]) -> list[Outcome]:
        if self._fenced:
            return self._fence(batch, self._fenced)
        current = [prepared for prepared in batch if prepared.append.epoch == self._epoch]
        versions = self._follow(current)
        rows = self._rows(current)
        if rows:
            revisions = self._insert(current, rows)
            self._remember(versions)
            start = 0
            for prepared in current:
                end = start + len(prepared.rows)
                prepared.revisions = revisions[start:end]
                start = end
        return [
            prepared.committed()
            if prepared.revisions
            else prepared.failed(
                Failure.STALE_EPOCH, f"decided in epoch {prepared.append.epoch}, now {self._epoch}"
            )
            for prepared in batch
        ]

    def _follow(self, batch: Sequence[Prepared]) -> dict[str, int]:
        """Return the versions that streams have after the batch. Raises Conflict for a gap or a repeat."""
        after: dict[str, int] = {}
        for prepared in batch:
            for stream, version, _, _ in prepared.rows:
                known = after.get(stream)
                if known is None:
                    known = self._versions.get(stream)
                    if known is None:
                        # For a first version the unique index is check enough, and saves the look-up.
                        known = 0 if version == 1 else self._version(stream)
                if version != known + 1:
                    raise Conflict(f"version {version} of {stream} does not follow {known}")
                after[stream] = version
        return after

    def _version(self, stream: str) -> int:
        """Return the version of a stream that is stored. Raises NotStored when it cannot be read now."""
        try:
            return self._stored.version(stream)
        except Exception as error:
            self._look_anew()
            raise NotStored(f"{stream} cannot be looked up: {error}") from error

    def _rows(self, batch: Sequence[Prepared]) -> list[NewRow]:
        """Return the rows of the batch; long bodies are in blobs, on disk, before this returns."""
        rows: list[NewRow] = []
        for prepared in batch:
            try:
                prepared.store_long_bodies(self._journal.blobs)
            except OSError as error:
                raise NotStored(f"blob: {error}") from error
            rows += prepared.rows
        return rows

    def _insert(self, batch: Sequence[Prepared], rows: list[NewRow]) -> Sequence[int]:
        try:
            return self._journal.store.insert_rows(rows)
        except OutcomeUnknown as error:
            self._journal.store.settle()
            self._look_anew()
            found = [self._look_up(row) for row in rows]
            if all(found):
                return found
            if any(found):
                raise Conflict(f"a transaction of {len(batch)} appends is stored in part") from error
            raise NotStored(str(error)) from error

    def _look_up(self, row: NewRow) -> int:
        """Return the revision of a row, 0 when it is absent. Raises Conflict when another stands there."""
        stream, version, topic, state = row
        found = self._stored.stream(stream, version - 1, 1, None, descending=False)
        if not found or found[0][2] != version:
            return 0
        if found[0][3:] != (topic, state):
            raise Conflict(f"version {version} of {stream} was written by somebody else")
        return found[0][0]

    def _look_anew(self) -> None:
        self._stored.close()
        self._stored = self._journal.store.rows()

    def _remember(self, versions: dict[str, int]) -> None:
        known = self._versions
        for stream, version in versions.items():
            known.pop(stream, None)
            known[stream] = version
        while len(known) > self._remembered:
            del known[next(iter(known))]

    def _store_snapshots(self) -> None:
        with self._lock:
            snapshots, self._snapshots = list(self._snapshots.values()), {}
        if self._fenced:
            return
        try:
            self._journal.store.put_snapshots(snapshots)
        except NotStored:
            return  # disposable: the stream is read from its events instead

    # ------------------------------------------------------------ failures

    def _begin_epoch(self, batch: list[Prepared], reason: str) -> list[Outcome]:
        self._epoch += 1
        return [
            prepared.failed(Failure.NOT_STORED, reason) for prepared in batch + self._take(everything=True)
        ]

    def _fence(self, batch: list[Prepared], reason: str) -> list[Outcome]:
        self._fenced = self._fenced or reason
        return [prepared.failed(Failure.FENCED, reason) for prepared in batch + self._take(everything=True)]
