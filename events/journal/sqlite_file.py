"""Opening a journal's file: making an empty one, refusing what is none.

1. Tables, schema number and identity are made in one transaction: a file has all of them or none.
2. A file that is not ours is refused before anything is written to it.
3. The check is cheap: header, tables, first and last row; all pages only while the file is small.
"""

import secrets
import sqlite3
from pathlib import Path

from events.journal.sqlite import SCHEMA, TABLES, SQLiteRecorder
from events.journal.store import UnreadableJournal

HEADER = b"SQLite format 3\0"
SMALL = 16 * 1024 * 1024
"""Bytes up to which every page is checked; takes some 20 ms."""


def open_file(path: Path) -> SQLiteRecorder:
    """Return a recorder over the file, made when missing. Raises UnreadableJournal."""
    try:
        _check_header(path)
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rwc", uri=True, isolation_level=None)
        try:
            identity = _identity(connection, path)
        finally:
            connection.close()
        return SQLiteRecorder(path, identity)
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:  # what SQLite quotes may be no text
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UnreadableJournal(f"journal {path}: {reason}") from error


def _check_header(path: Path) -> None:
    if path.exists():
        with path.open("rb") as file:
            header = file.read(len(HEADER))
        if header not in (b"", HEADER):
            raise UnreadableJournal(f"journal {path}: not a SQLite database")


def _identity(connection: sqlite3.Connection, path: Path) -> str:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    if not tables:
        return _create(connection)
    if not {"meta", "stored_events", "snapshots"} <= tables:
        raise UnreadableJournal(
            f"journal {path}: a database of something else (its tables are not a journal's)"
        )
    meta = dict(connection.execute("SELECT name, value FROM meta"))
    if meta.get("schema") != str(SCHEMA):
        raise UnreadableJournal(
            f"journal {path}: has schema {meta.get('schema')}, this program reads {SCHEMA}"
        )
    if not meta.get("identity"):
        raise UnreadableJournal(f"journal {path}: has no identity")
    _check_rows(connection, path)
    connection.execute("BEGIN IMMEDIATE")  # fails here, with a clear message, when it cannot be written
    connection.execute("ROLLBACK")
    return str(meta["identity"])


def _create(connection: sqlite3.Connection) -> str:
    identity = secrets.token_hex(16)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("BEGIN IMMEDIATE")
    for statement in TABLES:
        connection.execute(statement)
    connection.executemany("INSERT INTO meta VALUES (?,?)", [("schema", str(SCHEMA)), ("identity", identity)])
    connection.execute("COMMIT")
    return identity


def _check_rows(connection: sqlite3.Connection, path: Path) -> None:
    for order in ("ASC", "DESC"):
        connection.execute(f"SELECT * FROM stored_events ORDER BY notification_id {order} LIMIT 1").fetchall()  # noqa: S608 - constants
    if path.stat().st_size <= SMALL:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise UnreadableJournal(f"journal {path}: damaged: {' '.join(found.split())}")
