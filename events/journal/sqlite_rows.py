"""Reading the SQLite file: one read-only connection for one thread.

1. Every method is one statement, hence one consistent state of the file and a short transaction.
2. Statements are constants; SQLite's module keeps them compiled.
"""

import sqlite3
from pathlib import Path

from events.journal.store import Row, Snapshot

COLUMNS = "notification_id, originator_id, originator_version, topic, state"
NO_END = 2**63 - 1
"""Above every revision."""

PAGE = f"""SELECT {COLUMNS} FROM stored_events
    WHERE notification_id BETWEEN ? AND ? ORDER BY notification_id LIMIT ?"""  # noqa: S608 - of constants
STREAM = f"""SELECT {COLUMNS} FROM stored_events
    WHERE originator_id=? AND originator_version>? AND notification_id<=? ORDER BY originator_version """  # noqa: S608 - of constants
ENDING = "SELECT substr(state, -?1) FROM stored_events WHERE substr(state, -?1, length(?2)) = ?2"


class SQLiteRows:
    """Rows of a journal's file.

    Args:
        path: The file, which must exist.
        is_immutable: True when nobody has it open: then reading leaves no files beside it.
    """

    def __init__(self, path: Path, *, is_immutable: bool = False) -> None:
        # A reader may be made on one thread and used on another, though never on two at once.
        self._connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if is_immutable else ''}",
            uri=True,
            check_same_thread=False,
            isolation_level=None,
        )
        self._execute = self._connection.execute

    def page(self, start: int, limit: int, until: int | None) -> list[Row]:
        """Return rows from revision `start` to `until`, both included, in order."""
        return self._execute(PAGE, (start, NO_END if until is None else until, max(limit, 0))).fetchall()

    def stream(
        self, stream: str, after: int, limit: int, until: int | None, *, descending: bool
    ) -> list[Row]:
        """Return rows of a stream with a version above `after` and a revision up to `until`."""
        order = STREAM + ("DESC LIMIT ?" if descending else "ASC LIMIT ?")
        return self._execute(
            order, (stream, after, NO_END if until is None else until, max(limit, 0))
        ).fetchall()

    def version(self, stream: str) -> int:
        """Return the highest version of a stream, 0 for none."""
        found = self._execute(
            "SELECT MAX(originator_version) FROM stored_events WHERE originator_id=?", (stream,)
        )
        return found.fetchone()[0] or 0

    def head(self) -> int:
        """Return the highest revision ever given, 0 for none."""
        # Not MAX(notification_id), which falls when the newest rows are removed.
        found = self._execute("SELECT seq FROM sqlite_sequence WHERE name='stored_events'").fetchone()
        return found[0] if found else 0

    def endings(self, length: int, mark: bytes) -> list[bytes]:
        """Return the last `length` bytes of the states in which these begin with `mark`."""
        return [end for (end,) in self._execute(ENDING, (length, mark))]

    def snapshot(self, stream: str) -> Snapshot | None:
        """Return the newest snapshot of a stream."""
        found = self._execute("SELECT stream, version, schema, body FROM snapshots WHERE stream=?", (stream,))
        row = found.fetchone()
        return Snapshot(*row) if row else None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
