"""Appending to the journal, against the same rows put into a table by sqlite3 alone.

1. Both sync every batch of 100 rows to disk (WAL, synchronous=FULL).
2. Ours encodes events, checks versions and keeps the unique index; the peer is given bytes.
"""

import sqlite3
import tempfile
import time
from pathlib import Path

from bench.ratio import Measure, Result, side_by_side
from events.journal import Append, Committer, Entry, Journal
from events.pod import PodQueued
from events.record import Envelope
from protocol.vocabulary import journal_codec

MEASURE = Measure(name="journal append, batches of 100, to raw sqlite3", at_least=0.7, goal=0.8)
BATCH = 100
BATCHES = 100
TABLE = """CREATE TABLE stored_events (
    notification_id INTEGER PRIMARY KEY AUTOINCREMENT, originator_id TEXT NOT NULL,
    originator_version INTEGER NOT NULL, topic TEXT NOT NULL, state BLOB NOT NULL,
    UNIQUE (originator_id, originator_version))"""


def measure() -> Result:
    """Measure rows per second on either side."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal.open(Path(folder) / "journal.sqlite", journal_codec())
        committer = Committer(journal)
        peer = sqlite3.connect(Path(folder) / "peer.sqlite", isolation_level=None)
        peer.execute("PRAGMA journal_mode=WAL")
        peer.execute("PRAGMA synchronous=FULL")
        peer.execute(TABLE)
        rounds = iter(range(1000))

        def ours() -> float:
            turn = next(rounds)
            begin = time.perf_counter()
            for batch in range(BATCHES):
                for row in range(BATCH):
                    stream = f"pod/{turn:04}-{batch:04}-{row:04}"
                    event = PodQueued(run=1, reason="no host has room: needs cpu 1")
                    committer.submit(
                        Append(
                            (Entry(stream, 1, event),), Envelope(at=turn, principal="bench"), committer.epoch
                        )
                    )
                committer.commit()
            return BATCH * BATCHES / (time.perf_counter() - begin)

        def theirs() -> float:
            turn = next(rounds)
            state = bytes(80)
            begin = time.perf_counter()
            for batch in range(BATCHES):
                rows = [
                    (f"pod/{turn:04}-{batch:04}-{row:04}", 1, "pod.queued:1", state) for row in range(BATCH)
                ]
                peer.execute("BEGIN")
                peer.executemany(
                    "INSERT INTO stored_events (originator_id, originator_version, topic, state)"
                    " VALUES (?, ?, ?, ?)",
                    rows,
                )
                peer.execute("COMMIT")
            return BATCH * BATCHES / (time.perf_counter() - begin)

        try:
            return side_by_side(MEASURE, ours, theirs)
        finally:
            committer.close()
            journal.close()
            peer.close()
