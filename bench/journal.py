"""Appending to the journal, against the same rows put into a table by sqlite3 alone.

1. Both store 100 events in one transaction and sync it to disk (WAL, synchronous=FULL): ours as one
   append of 100 entries, the peer by one `executemany`.
2. The events are those of the life of a real job, and the peer is given the very rows that ours makes of
   them: same streams, versions, topics and bytes.
3. Ours encodes the events, checks versions, and makes the records that readers are shown.
4. Both are in this process, on the servers' core.
"""

import itertools
import tempfile
import time
from pathlib import Path

from bench import lives, raw, servers
from bench.ratio import Measure, Result, side_by_side
from bench.scale import FULL, Scale
from events.journal import Append, Committer, Entry, Journal
from events.journal.prepared import prepare
from events.record import Envelope
from protocol.vocabulary import journal_codec

MEASURE = Measure(name="journal append, batches of 100, to raw sqlite3", at_least=0.7, goal=0.8)
PODS = 10
"""Of the job whose life is appended, in parts of 100 events."""


def _entries(life: lives.Life, folder: Path) -> list[Entry]:
    """Return the events of a life, decoded."""
    file = folder / "life.sqlite"
    lives.write(file, 1, life)
    with Journal.open(file, journal_codec()) as journal:
        reader = journal.reader()
        try:
            return [Entry(record.stream, record.version, record.event) for record in reader.scan()]
        finally:
            reader.close()


def _appends(entries: list[Entry], count: int, number: "itertools.count[int]") -> list[list[Entry]]:
    """Return so many batches of the events, under new ids of the same length."""
    batches: list[list[Entry]] = []
    while True:
        prefix = f"{next(number):08}"
        lived = [
            Entry(f"{entity}/{prefix}{id[8:]}", version, event)
            for (stream, version, event) in entries
            for entity, _, id in (stream.partition("/"),)  # noqa: A001 - the name of the thing
        ]
        for first in range(0, len(lived) - raw.BATCH + 1, raw.BATCH):
            batches.append(lived[first : first + raw.BATCH])
            if len(batches) == count:
                return batches


def measure(scale: Scale = FULL) -> Result:
    """Measure rows per second on either side."""
    life = lives.stopped(PODS)
    number = itertools.count()
    with (
        tempfile.TemporaryDirectory() as folder,
        raw.table(Path(folder)) as table,
        Journal.open(Path(folder) / "journal.sqlite", journal_codec()) as journal,
        servers.on_cores({servers.CORE}),
    ):
        entries = _entries(life, Path(folder))
        committer = Committer(journal)

        def made() -> list[Append]:
            envelope = Envelope(at=next(number), principal="bench", origin="bench")
            return [
                Append(batch, envelope, committer.epoch) for batch in _appends(entries, scale.batches, number)
            ]

        def ours() -> float:
            appends = made()
            begin = time.perf_counter()
            for append in appends:
                committer.submit(append)
                (outcome,) = committer.commit()
                if not outcome.records:
                    raise RuntimeError(outcome.detail)
            return raw.BATCH * len(appends) / (time.perf_counter() - begin)

        def theirs() -> float:
            batches = [prepare(append, journal.codec).rows for append in made()]
            begin = time.perf_counter()
            for rows in batches:
                raw.insert(table, rows)
            return raw.BATCH * len(batches) / (time.perf_counter() - begin)

        try:
            return side_by_side(MEASURE, ours, theirs, rounds=scale.rounds)
        finally:
            committer.close()
