"""The journal in memory: eventsourcing's recorder of plain objects, and the faults of a disk on demand.

1. It keeps the contract of the SQLite store; one suite runs over both.
2. A planned fault happens at the next insert, once, in the order planned.
3. A recorder outlives the Journal made over it: a new Journal over the old recorder is a restart.
"""

import secrets
from collections import deque
from collections.abc import Sequence
from enum import StrEnum

from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.popo import POPOApplicationRecorder

from events.journal.store import Conflict, NewRow, NotStored, OutcomeUnknown, Row, Snapshot


class Fault(StrEnum):
    """What goes wrong at an insert."""

    BEFORE_INSERT = "before insert"
    """Known not to be stored."""
    UNKNOWN_STORED = "unknown, stored"
    """The commit's outcome is unknown; looking finds the rows."""
    UNKNOWN_ABSENT = "unknown, absent"
    """The commit's outcome is unknown; looking does not find the rows."""
    UNKNOWN_FOR_GOOD = "unknown for good"
    """The rows are stored, the outcome is unknown, and so it stays."""


class MemoryRecorder(POPOApplicationRecorder):
    """Stored events in a list.

    Args:
        identity: Of the journal; random when empty.
    """

    def __init__(self, identity: str = "") -> None:
        super().__init__()
        self._identity = identity or secrets.token_hex(16)
        self._snapshots: dict[str, Snapshot] = {}
        self._faults: deque[Fault] = deque()
        self._is_lost = False

    @property
    def identity(self) -> str:
        """Random text that names the journal for ever."""
        return self._identity

    def plan(self, *faults: Fault) -> None:
        """Let each of the next inserts fail in its way."""
        self._faults.extend(faults)

    def heal(self) -> None:
        """Let no planned fault happen any more, and the journal be opened again."""
        self._faults.clear()
        self._is_lost = False

    def insert_rows(self, rows: Sequence[NewRow]) -> Sequence[int]:
        """Store rows; return their revisions."""
        fault = self._faults.popleft() if self._faults else None
        match fault:
            case None:
                return self._insert(rows)
            case Fault.BEFORE_INSERT:
                raise NotStored("planned: the disk refused")
            case Fault.UNKNOWN_ABSENT:
                pass
            case Fault.UNKNOWN_STORED:
                self._insert(rows)
            case Fault.UNKNOWN_FOR_GOOD:
                self._insert(rows)
                self._is_lost = True
        raise OutcomeUnknown("planned: no answer to the commit")

    def _insert(self, rows: Sequence[NewRow]) -> Sequence[int]:
        try:
            ids = self._insert_events([StoredEvent(*row) for row in rows])
        except IntegrityError as error:
            raise Conflict(str(error)) from error
        return ids or ()

    def settle(self) -> None:
        """Make certain that what is readable now is what stays."""
        if self._is_lost:
            raise OutcomeUnknown("planned: the journal cannot be opened again")

    def put_snapshots(self, snapshots: Sequence[Snapshot]) -> None:
        """Store snapshots in place of older ones."""
        with self._database_lock:
            for snapshot in snapshots:
                self._snapshots[snapshot.stream] = snapshot

    def rows(self) -> "MemoryRecorder":
        """Return itself: every method takes the recorder's lock, the only one there is."""
        return self

    def close(self) -> None:
        """Keep everything, for the next Journal over this recorder."""

    # ------------------------------------------------------------ reading

    def page(self, start: int, limit: int, until: int | None) -> list[Row]:
        """Return rows from revision `start` to `until`, both included, in order."""
        with self._database_lock:
            first = max(start, 1)
            last = min(first - 1 + max(limit, 0), len(self._stored_events) if until is None else until)
            return [self._row(revision) for revision in range(first, min(last, len(self._stored_events)) + 1)]

    def stream(
        self, stream: str, after: int, limit: int, until: int | None, *, descending: bool
    ) -> list[Row]:
        """Return rows of a stream with a version above `after` and a revision up to `until`."""
        with self._database_lock:
            positions = self._stored_events_index.get(stream, {})
            found: list[Row] = []
            # Versions of a stream are contiguous from 1, so the number of them is the highest.
            highest = len(positions)
            span = range(highest, after, -1) if descending else range(after + 1, highest + 1)
            for version in span:
                if len(found) >= limit:
                    break
                revision = positions[version] + 1
                if until is None or revision <= until:
                    found.append(self._row(revision))
                elif not descending:
                    break
            return found

    def version(self, stream: str) -> int:
        """Return the highest version of a stream, 0 for none."""
        with self._database_lock:
            return max(self._stored_events_index.get(stream, {}), default=0)

    def head(self) -> int:
        """Return the highest revision ever given, 0 for none."""
        with self._database_lock:
            return len(self._stored_events)

    def endings(self, length: int, mark: bytes) -> list[bytes]:
        """Return the last `length` bytes of the states in which these begin with `mark`."""
        with self._database_lock:
            ends = [event.state[-length:] for event in self._stored_events]
            return [end for end in ends if end.startswith(mark)]

    def snapshot(self, stream: str) -> Snapshot | None:
        """Return the newest snapshot of a stream."""
        with self._database_lock:
            return self._snapshots.get(stream)

    def _row(self, revision: int) -> Row:
        stored = self._stored_events[revision - 1]
        return revision, str(stored.originator_id), stored.originator_version, stored.topic, stored.state
