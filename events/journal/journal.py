"""The journal: all events of everything, in the order in which they were committed.

1. One journal, one writer (events/journal/committer.py), any number of readers.
2. What a caller reads or commits is the same over SQLite and in memory.
3. Bodies longer than 64 KiB stand in blobs, which are on disk before the row that names them.
4. The identity stays with the journal; what is derived from it keeps it, to know where it is from.
"""

from pathlib import Path
from types import TracebackType
from typing import Self

from events.codec import Codec
from events.journal.blobs import Blobs, FileBlobs, MemoryBlobs
from events.journal.memory import MemoryRecorder
from events.journal.reader import Reader
from events.journal.row import BLOB_LENGTH, BLOB_MARK, Decoder, ref_in
from events.journal.sqlite_file import open_file
from events.journal.store import Store


class Journal:
    """A store of rows, the codec of their bodies and the blobs beside them.

    Args:
        store: Where rows stand.
        codec: Knows all events.
        blobs: Where long bodies stand.
    """

    def __init__(self, store: Store, codec: Codec, blobs: Blobs) -> None:
        self.store = store
        self.codec = codec
        self.blobs = blobs

    @classmethod
    def open(cls, path: Path, codec: Codec, *, blobs: Blobs | None = None) -> Self:
        """Open the journal in a SQLite file, or make it there; blobs are in `blobs/` beside the file.

        Raises UnreadableJournal, whose text is one line that says why.
        """
        return cls(open_file(path), codec, FileBlobs(path.parent / "blobs") if blobs is None else blobs)

    @classmethod
    def in_memory(
        cls, codec: Codec, *, recorder: MemoryRecorder | None = None, blobs: Blobs | None = None
    ) -> Self:
        """Make a journal that ends with the process, or continue the one in `recorder`."""
        return cls(
            MemoryRecorder() if recorder is None else recorder,
            codec,
            MemoryBlobs() if blobs is None else blobs,
        )

    @property
    def identity(self) -> str:
        """Random text that names this journal, kept in it."""
        return self.store.identity

    def reader(self) -> Reader:
        """Return a reader for one thread; whoever asked closes it."""
        return Reader(self.store.rows(), Decoder(self.codec, self.blobs))

    def sweep(self) -> int:
        """Remove blobs that no event names; return how many. Only while nothing is appended."""
        if not self.blobs.refs():
            return 0
        rows = self.store.rows()
        try:
            # Bytes of a body may look like a name by chance: then some garbage stays, and nothing is lost.
            named = {ref_in(end) for end in rows.endings(BLOB_LENGTH, BLOB_MARK)}
        finally:
            rows.close()
        return self.blobs.sweep(named)

    def close(self) -> None:
        """Give the store back. Readers are closed by their owners."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
