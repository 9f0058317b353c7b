"""What the journal asks of the place where its rows stand, and how that place refuses.

1. Writing is done by one thread; every reading thread has its own `Rows`.
2. `insert_rows` stores all its rows or none. Its three refusals say what is known afterwards.
3. Rows never change once they are stored.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

NewRow = tuple[str, int, str, bytes]
"""Stream, version, topic, state (events/journal/row.py)."""

Row = tuple[int, str, int, str, bytes]
"""Revision, then as NewRow."""


class NotStored(Exception):  # noqa: N818 - refusals are named for what is known
    """It is certain that nothing was stored."""


class Conflict(Exception):  # noqa: N818 - as NotStored
    """A version exists already, and nothing was stored: a second writer, or a bug."""


class OutcomeUnknown(Exception):  # noqa: N818 - as NotStored
    """All was stored or nothing; `settle` has to be called to find out."""


class UnreadableJournal(Exception):  # noqa: N818 - as NotStored
    """The file is not a journal that this program can use; the text is one line that says why."""


class Snapshot(NamedTuple):
    """A state saved at a version; may be lost or thrown away at any time."""

    stream: str
    version: int
    """Version of the last event that the state contains."""
    schema: str
    """Topic under which the codec knows the state's class."""
    body: bytes


class Rows(Protocol):
    """Rows as one thread reads them. Every call sees a state of the journal between two appends."""

    def page(self, start: int, limit: int, until: int | None) -> list[Row]:
        """Return rows from revision `start` to `until`, both included, in order."""

    def stream(
        self, stream: str, after: int, limit: int, until: int | None, *, descending: bool
    ) -> list[Row]:
        """Return rows of a stream with a version above `after` and a revision up to `until`."""

    def version(self, stream: str) -> int:
        """Return the highest version of a stream, 0 for none."""

    def head(self) -> int:
        """Return the highest revision ever given, 0 for none."""

    def endings(self, length: int, mark: bytes) -> list[bytes]:
        """Return the last `length` bytes of the states in which these begin with `mark`."""

    def snapshot(self, stream: str) -> Snapshot | None:
        """Return the newest snapshot of a stream."""

    def close(self) -> None:
        """Give back what reading holds."""


class Store(Protocol):
    """Where rows stand, as the journal's only writer sees it."""

    @property
    def identity(self) -> str:
        """Random text that names the journal for ever."""

    def insert_rows(self, rows: Sequence[NewRow]) -> Sequence[int]:
        """Store rows in one transaction; return their revisions.

        Raises NotStored, Conflict or OutcomeUnknown.
        """

    def settle(self) -> None:
        """Make certain that what is readable now is what stays. Raises OutcomeUnknown when that fails."""

    def put_snapshots(self, snapshots: Sequence[Snapshot]) -> None:
        """Store snapshots in place of older ones. Raises NotStored; either way nothing of worth is lost."""

    def rows(self) -> Rows:
        """Return a way to read that one further thread may use."""

    def close(self) -> None:
        """Give the store back."""
