"""Replaying a journal into actors, against only reading its rows.

1. The journal has a million events of a hundred thousand pods, each from its creation through a run to
   its stop, written once. It is gone through once, in parts of the same lives: each part is read raw and
   folded by ours, in turn, so that every round has the memory of all rounds before it.
2. Ours is what the server does at start for its actors: read, decode, fold (`Kernel.recover`). Hot views,
   tables and hosts are left out here; the row `restart` has them.
3. The peer reads the same rows by sqlite3, pages of them in memory at a time, and decodes nothing.
4. Both are in one process of their own, on one core; the first part is the warm-up.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench import lives, raw, servers
from bench.ratio import Measure, Result, of_rounds, tell
from bench.recovery import Memory
from bench.scale import FULL, Scale
from events.journal import Journal
from events.record import Recorded
from protocol.vocabulary import journal_codec

MEASURE = Measure(name="replay of 1 M events of 100 k entities, to reading the rows", at_least=0.2, goal=0.4)
PARTS = 10


def measure(scale: Scale = FULL) -> Result:
    """Measure the speed of both, part by part."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "journal.sqlite"
        lives.write(file, max(scale.entities // lives.PODS, PARTS), lives.stopped().of("pod"))
        parts: list[tuple[float, float]] = json.loads(servers.alone("bench.replay", file))
    ratios = []
    for turn, (ours, theirs) in enumerate(parts[1:]):
        ratios.append(theirs / ours)
        tell(MEASURE, turn, f"{ours:.3f} s, raw {theirs:.3f} s = {ratios[-1]:.3f}")
    return of_rounds(MEASURE, ratios)


def parts_of(file: Path) -> list[tuple[float, float]]:
    """Return the seconds that ours and the peer take for each part of a journal."""
    journal = Journal.open(file, journal_codec())
    memory = Memory(journal)
    reader = journal.reader()
    head = reader.head()
    seconds: list[tuple[float, float]] = []

    def raw_s(first: int, last: int) -> float:
        with raw.journal(file) as rows:
            begin = time.perf_counter()
            raw.read(rows, first, last)
            return time.perf_counter() - begin

    def in_turn() -> Iterator[Recorded]:
        for part in range(PARTS):
            first, last = head * part // PARTS + 1, head * (part + 1) // PARTS
            theirs = raw_s(first, last) if part % 2 else 0.0
            begin = time.perf_counter()
            yield from reader.scan(first, last)
            ours = time.perf_counter() - begin
            seconds.append((ours, theirs or raw_s(first, last)))

    memory.fold(in_turn())
    return seconds


if __name__ == "__main__":
    print(json.dumps(parts_of(Path(sys.argv[1]))))
