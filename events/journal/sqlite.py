"""The journal in SQLite: eventsourcing's recorder over a table of our own.

1. Revisions are AUTOINCREMENT: never reused, also not after VACUUM, compaction or a restart.
2. A commit is on disk when it returns: WAL with synchronous=FULL, said for every connection.
3. A COMMIT that fails tells nothing. `settle` opens the file anew and commits a further
   transaction before anybody looks: it overwrites what the failed commit may have left in the
   WAL behind the last valid frame, which a later recovery could else bring back to life.
4. Except when the disk is full: a write that came to its end there leaves no whole commit frame, which
   is the last to be written (`psow=1`: nothing follows it to fill a sector). So nothing was stored, and
   nothing has to be written to make that certain, which a full disk would not take either.
5. The writer has a connection of its own: to take one from the library's pool and to give it back takes
   as long as to store a row.
"""

import sqlite3
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from eventsourcing.persistence import (
    IntegrityError,
    InterfaceError,
    Notification,
    PersistenceError,
    StoredEvent,
)
from eventsourcing.sqlite import (
    SQLITE3_DEFAULT_LOCK_TIMEOUT,
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
)

from events.journal.sqlite_rows import SQLiteRows
from events.journal.store import Conflict, NewRow, NotStored, OutcomeUnknown, Snapshot

SCHEMA = 1
"""Number of the form of the tables below; a file with another one is not touched."""

EVENTS = "stored_events"

TABLES = (
    f"""CREATE TABLE {EVENTS} (
        notification_id INTEGER PRIMARY KEY AUTOINCREMENT,
        originator_id TEXT NOT NULL,
        originator_version INTEGER NOT NULL,
        topic TEXT NOT NULL,
        state BLOB NOT NULL,
        UNIQUE (originator_id, originator_version))""",
    """CREATE TABLE snapshots (
        stream TEXT PRIMARY KEY,
        version INTEGER NOT NULL,
        schema TEXT NOT NULL,
        body BLOB NOT NULL) WITHOUT ROWID""",
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)

INSERTS = tuple(
    (
        length,
        f"INSERT OR ROLLBACK INTO {EVENTS} (originator_id, originator_version, topic, state) VALUES "  # noqa: S608 - constants
        + ",".join(["(?,?,?,?)"] * length),
    )
    for length in (512, 256, 128, 64, 32, 16, 8, 4, 3, 2, 1)
)
"""Statements for so many rows at once, longest first.

`executemany` gives up the interpreter lock at every row; while the event loop's thread computes, it gets
the lock back only after the interpreter's switch interval, so 100 rows would take half a second.
A row that may not stand there ends the transaction: to undo only what a statement of many rows has done,
SQLite would keep a copy of every page that it changes, in a file when they are many.
"""

PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA wal_autocheckpoint=4000",  # pages, 16 MB: of up to 4 062 SQLite has one index
    "PRAGMA journal_size_limit=67108864",
    "PRAGMA cache_size=-32768",  # kibibytes: the upper levels of the unique index stay in memory
)


def _connected(name: str, wait_s: float) -> sqlite3.Connection:
    # The library's own connections keep one compiled statement, so that each is compiled anew.
    made = sqlite3.connect(name, uri=True, check_same_thread=False, isolation_level=None, timeout=wait_s)
    for pragma in PRAGMAS:
        made.execute(pragma)
    return made


class _Pool(SQLiteConnectionPool):
    """The library's pool with connections that have our pragmas and keep their statements compiled."""

    def _create_connection(self) -> SQLiteConnection:
        try:
            made = _connected(self.db_name, self.lock_timeout or SQLITE3_DEFAULT_LOCK_TIMEOUT)
        except sqlite3.Error as error:
            raise InterfaceError(error) from error
        made.row_factory = sqlite3.Row
        return SQLiteConnection(sqlite_conn=made, max_age=self.max_age)


class _Datastore(SQLiteDatastore):
    """The library's datastore with connections that have our pragmas, and only one that writes."""

    def __init__(self, name: str) -> None:
        super().__init__(name, originator_id_type="text")
        self.pool = _Pool(db_name=name, pool_size=1, max_overflow=1)


class SQLiteRecorder(SQLiteApplicationRecorder):
    """Rows in a file that `open_file` of events/journal/sqlite_file.py has checked.

    Args:
        path: The file.
        identity: As it stands in the file.
        wait_s: How long the writer waits for another process that writes, seconds.
    """

    def __init__(self, path: Path, identity: str, *, wait_s: float = SQLITE3_DEFAULT_LOCK_TIMEOUT) -> None:
        self._name = f"{path.absolute().as_uri()}?mode=rwc&psow=1"
        super().__init__(_Datastore(self._name), EVENTS)
        self._path = path
        self._identity = identity
        self._wait_s = wait_s
        self._writing: sqlite3.Connection | None = None
        """The writer's connection; none until it stores, and after a failure."""
        self.select_max_notification_id_statement = f"SELECT MAX(notification_id) FROM {EVENTS}"  # noqa: S608

    def construct_create_table_statements(self) -> list[str]:
        """Return how the tables are made in an empty file."""
        return list(TABLES)

    @property
    def identity(self) -> str:
        """Random text that names the journal for ever."""
        return self._identity

    # ------------------------------------------------------------ what the journal's writer calls

    def insert_rows(self, rows: Sequence[NewRow]) -> Sequence[int]:
        """Store rows in one transaction; return their revisions."""
        try:
            connection = self._writing
            if connection is None:
                connection = self._writing = _connected(self._name, self._wait_s)
            ids = self._insert_rows(connection, rows)
            try:
                self._commit(connection)
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL:
                    raise
                raise OutcomeUnknown(str(error)) from error
        except sqlite3.Error as error:  # not of the commit, or see rule 4
            self._reopen()
            raise NotStored(str(error)) from error
        return ids

    def _insert_rows(self, connection: sqlite3.Connection, rows: Sequence[NewRow]) -> Sequence[int]:
        cursor = connection.execute("BEGIN IMMEDIATE")
        try:
            return self._insert_all(cursor, rows)
        except sqlite3.IntegrityError as error:
            connection.rollback()
            raise Conflict(str(error)) from error
        except sqlite3.Error:
            connection.rollback()
            raise

    def _insert_all(self, cursor: sqlite3.Cursor | SQLiteCursor, rows: Sequence[NewRow]) -> Sequence[int]:
        first, left = 0, len(rows)
        for length, statement in INSERTS:
            while left >= length:
                cursor.execute(statement, list(chain.from_iterable(rows[first : first + length])))
                first += length
                left -= length
        last = cast("int", cursor.lastrowid)
        # One transaction holds the write lock, so AUTOINCREMENT has counted by one.
        return range(last - len(rows) + 1, last + 1)

    def _commit(self, connection: sqlite3.Connection) -> None:
        connection.commit()

    def settle(self) -> None:
        """Make certain that what is readable now is what stays."""
        try:
            self._reopen()
            with self.datastore.transaction(commit=True) as cursor:
                cursor.execute(
                    "INSERT INTO meta VALUES ('settled', '1')"
                    " ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
                )
        except (sqlite3.Error, PersistenceError) as error:
            raise OutcomeUnknown(str(error)) from error

    def put_snapshots(self, snapshots: Sequence[Snapshot]) -> None:
        """Store snapshots in place of older ones."""
        try:
            with self.datastore.transaction(commit=True) as cursor:
                cursor.executemany("INSERT OR REPLACE INTO snapshots VALUES (?,?,?,?)", snapshots)
        except (sqlite3.Error, PersistenceError) as error:
            self._reopen()
            raise NotStored(str(error)) from error

    def rows(self) -> SQLiteRows:
        """Return a way to read that one further thread may use."""
        return SQLiteRows(self._path)

    def close(self) -> None:
        """Close the file."""
        self.datastore.close()
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.close()

    def _reopen(self) -> None:
        self.close()
        self.datastore = _Datastore(self._name)

    # ------------------------------------------------------------ the library's own contract

    def _insert_events(
        self,
        c: SQLiteCursor,
        stored_events: Sequence[StoredEvent],
        **_: Any,  # noqa: ANN401 - the library's signature
    ) -> Sequence[int] | None:
        rows = [
            (_text(event.originator_id), event.originator_version, event.topic, event.state)
            for event in stored_events
        ]
        if not rows:
            return []
        try:
            return self._insert_all(c, rows)
        except sqlite3.IntegrityError as error:
            raise IntegrityError(str(error)) from error

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Return notifications in order, as the library's contract says."""
        first = 0 if start is None else start + (not inclusive_of_start)
        parameters: list[int | str] = [first]
        statement = f"SELECT * FROM {EVENTS} WHERE notification_id>=? "  # noqa: S608 - a constant
        if stop is not None:
            statement += "AND notification_id<=? "
            parameters.append(stop)
        if topics:
            statement += f"AND topic IN ({','.join('?' * len(topics))}) "
            parameters += topics
        parameters.append(limit)
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute(statement + "ORDER BY notification_id LIMIT ?", parameters)
            return [
                Notification(
                    originator_id=stream, originator_version=version, topic=topic, state=state, id=revision
                )
                for revision, stream, version, topic, state in cursor.fetchall()
            ]


def _text(originator_id: UUID | str) -> str:
    return originator_id if isinstance(originator_id, str) else originator_id.hex
