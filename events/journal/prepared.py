"""An append on its way into the journal: encoded, then stored or refused.

1. Preparing needs no disk: it may run on the event loop's thread.
2. A long body waits here until its blob is on disk; only then is its row complete.
"""

from collections.abc import Sequence

import msgspec

from events.codec import Codec
from events.journal.append import Append, Failure, Outcome
from events.journal.blobs import Blobs
from events.journal.row import LONG, beginnings, blob_body
from events.journal.store import NewRow
from events.record import Recorded


class Prepared(msgspec.Struct, eq=False):
    """An append with its rows. Mutable: revisions and blobs come later than the rest."""

    append: Append
    rows: list[NewRow]
    """As they are inserted; a long body is missing at the end of its row's state."""
    long: dict[int, bytes] = {}
    """Long bodies by index of their row."""
    revisions: Sequence[int] = ()
    """Of the rows, once stored."""

    def store_long_bodies(self, blobs: Blobs) -> None:
        """Complete the rows. Raises OSError; may then be called again."""
        for index, body in list(self.long.items()):
            stream, version, topic, beginning = self.rows[index]
            self.rows[index] = (stream, version, topic, beginning + blob_body(blobs.put(body)))
            del self.long[index]

    def committed(self) -> Outcome:
        """Return the outcome of an append whose revisions are known."""
        envelope = self.append.envelope
        last = len(self.revisions) - 1
        new = tuple.__new__  # as `Recorded(…)`, which would call Python's
        records = tuple(
            [
                new(Recorded, (revision, stream, version, event, envelope, ordinal == last))
                for ordinal, (revision, (stream, version, event)) in enumerate(
                    zip(self.revisions, self.append.entries, strict=True)
                )
            ]
        )
        return new(Outcome, (self.append, records, None, ""))

    def failed(self, failure: Failure, detail: str) -> Outcome:
        """Return the outcome of an append that was not stored, or may not have been."""
        return Outcome(self.append, None, failure, detail)


def prepare(append: Append, codec: Codec) -> Prepared:
    """Encode an append. Raises Unencodable or ValueError: a bug of whoever made it."""
    if not append.entries:
        raise ValueError("an append has at least one entry")
    before_last, of_last = beginnings(append.envelope)
    last = len(append.entries) - 1
    rows: list[NewRow] = []
    long: dict[int, bytes] = {}
    for index, (stream, version, event) in enumerate(append.entries):
        topic, body = codec.encode(event)
        state = of_last if index == last else before_last
        if len(body) > LONG:
            long[index] = body
        else:
            state += body
        rows.append((stream, version, topic, state))
    return Prepared(append, rows, long)
