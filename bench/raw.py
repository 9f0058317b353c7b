"""Rows in SQLite with nothing around them: what the journal is compared with.

1. The table has the journal's columns and its unique index; a commit is synced to disk as there
   (WAL, synchronous=FULL).
2. Nothing is encoded or decoded: rows are written as given and read as they stand.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from events.journal.store import NewRow, Row

TABLE = """CREATE TABLE stored_events (
    notification_id INTEGER PRIMARY KEY AUTOINCREMENT, originator_id TEXT NOT NULL,
    originator_version INTEGER NOT NULL, topic TEXT NOT NULL, state BLOB NOT NULL,
    UNIQUE (originator_id, originator_version))"""
INSERT = """INSERT INTO stored_events (originator_id, originator_version, topic, state)
    VALUES (?, ?, ?, ?)"""
SELECT = """SELECT notification_id, originator_id, originator_version, topic, state FROM stored_events
    WHERE notification_id BETWEEN ? AND ? ORDER BY notification_id"""
NO_END = 2**63 - 1
BATCH = 100
FETCH = 5000


@contextmanager
def table(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open a new file with the table."""
    connection = sqlite3.connect(folder / "peer.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(TABLE)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def journal(file: Path) -> Iterator[sqlite3.Connection]:
    """Open a journal's file to be read, also while a server writes it."""
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def insert(connection: sqlite3.Connection, rows: Sequence[NewRow]) -> None:
    """Store rows in one transaction."""
    connection.execute("BEGIN")
    connection.executemany(INSERT, rows)
    connection.execute("COMMIT")


def insert_in_batches(connection: sqlite3.Connection, rows: Sequence[NewRow]) -> None:
    """Store rows, a hundred in a transaction."""
    for first in range(0, len(rows), BATCH):
        insert(connection, rows[first : first + BATCH])


def head(connection: sqlite3.Connection) -> int:
    """Return the highest revision, 0 for none."""
    (found,) = connection.execute("SELECT MAX(notification_id) FROM stored_events").fetchone()
    return found or 0


def count_of(connection: sqlite3.Connection, entity: str, revision: int) -> int:
    """Return how many rows above a revision are of entities of one kind."""
    (found,) = connection.execute(
        "SELECT COUNT(*) FROM stored_events WHERE notification_id > ? AND originator_id GLOB ?",
        (revision, f"{entity}/*"),
    ).fetchone()
    return int(found)


def head_of(connection: sqlite3.Connection, entity: str) -> int:
    """Return the highest revision of entities of one kind, 0 for none."""
    (found,) = connection.execute(
        "SELECT MAX(notification_id) FROM stored_events WHERE originator_id GLOB ?", (f"{entity}/*",)
    ).fetchone()
    return found or 0


def rows_after(connection: sqlite3.Connection, revision: int) -> list[Row]:
    """Return all rows above a revision."""
    return connection.execute(SELECT, (revision + 1, NO_END)).fetchall()


def read(connection: sqlite3.Connection, first: int = 0, last: int = NO_END) -> int:
    """Read the rows of some revisions, a page in memory at a time; return how many there were."""
    cursor = connection.execute(SELECT, (first, last))
    count = 0
    while page := cursor.fetchmany(FETCH):
        count += len(page)
    return count
