"""A data directory's journal, opened so that nothing can be written to it.

1. The lock is not taken: a server may run meanwhile, and what it appends later is not seen.
2. Rows are read as they stand; what cannot be decoded is for the reader to say. A row that does not even
   say which event stands where is a damaged file's.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from events.codec import Codec
from events.journal import FileBlobs, MemoryBlobs, UnreadableJournal
from events.journal.row import Decoder
from events.journal.sqlite import SCHEMA
from events.journal.sqlite_rows import SQLiteRows
from events.journal.store import Row, Rows

PAGE = 1_000
PLACE = (int, str, int, str)
"""Kinds of the columns that say which event stands where."""
DAMAGE = (sqlite3.Error, UnicodeDecodeError)
"""How SQLite says what is wrong; where it quotes what it found, that may be no text."""


class Source:
    """Rows up to the head at the time of opening.

    Args:
        rows: Where they are read.
        decoder: Makes records of them.
        identity: Of the journal.
    """

    def __init__(self, rows: Rows, decoder: Decoder, identity: str) -> None:
        self.decoder = decoder
        self.identity = identity
        self.head = rows.head()
        self._rows = rows

    @classmethod
    def open(cls, directory: Path, codec: Codec) -> Self:
        """Open the journal of a data directory. Raises UnreadableJournal, whose text is one line."""
        path = directory / "journal.sqlite"
        if not path.is_file():
            raise UnreadableJournal(f"journal {path}: no such file")
        blobs = directory / "blobs"
        try:
            # A journal that was closed has no log beside it; opened as usual, reading would leave one,
            # of whoever reads, and the server might then not be allowed to open it.
            is_closed = not path.with_name(path.name + "-wal").exists()
            rows = SQLiteRows(path, is_immutable=is_closed)
            try:
                identity = _identity(path, is_immutable=is_closed)
                decoder = Decoder(codec, FileBlobs(blobs) if blobs.is_dir() else MemoryBlobs())
                return cls(rows, decoder, identity)
            except BaseException:
                rows.close()
                raise
        except (*DAMAGE, OSError) as error:
            raise UnreadableJournal(f"journal {path}: {error}") from None

    def rows(self, entity: str = "") -> Iterator[Row]:
        """Yield all rows, or those of one entity, in order. Raises UnreadableJournal."""
        start = 1
        try:
            while True:
                if entity:
                    page = self._rows.stream(entity, start - 1, PAGE, self.head, descending=False)
                else:
                    page = self._rows.page(start, PAGE, self.head)
                for row in page:
                    if tuple(map(type, row[:4])) != PLACE:
                        raise UnreadableJournal(f"journal: damaged: revision {row[0]!r} is no event")
                    yield row
                if len(page) < PAGE:
                    return
                revision, _, version, _, _ = page[-1]
                start = (version if entity else revision) + 1
        except DAMAGE as error:
            raise UnreadableJournal(f"journal: {error}") from None

    def close(self) -> None:
        """Close the file."""
        self._rows.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _identity(path: Path, *, is_immutable: bool) -> str:
    options = "mode=ro&immutable=1" if is_immutable else "mode=ro"
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?{options}", uri=True)
    try:
        meta = dict(connection.execute("SELECT name, value FROM meta"))
    finally:
        connection.close()
    if meta.get("schema") != str(SCHEMA):
        raise UnreadableJournal(
            f"journal {path}: has schema {meta.get('schema')}, this program reads {SCHEMA}"
        )
    return str(meta.get("identity", ""))
