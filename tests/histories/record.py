"""Records what today's code writes: `python -m tests.histories.record [NAME ...]`.

1. A file that is there is left alone: histories are added to, never edited.
2. A new form of an event is recorded anew under another name, `service-2` say, told by a story of
   its own or by the same one.
"""

import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from events.journal import MemoryBlobs
from events.journal.row import Decoder
from events.journal.store import Row
from protocol.inspect.replay.facts import Facts, facts_of
from protocol.inspect.replay.replayer import Finding, Replayer
from protocol.vocabulary import ENTITIES, journal_codec
from tests.histories.history import FOLDER, History, recorded, write
from tests.histories.stepped import Stepped
from tests.histories.stories import STORIES

DIGESTS = FOLDER / "digests.json"
"""What each file's bytes are, so that an edit is noticed."""


def tell(name: str) -> History:
    """Tell a story with today's code."""
    story = STORIES[name]
    plane = Stepped()
    story(plane)
    rows = plane.rows()
    facts, findings = folded(rows)
    if findings:
        raise ValueError(f"{name}: {findings}")
    return History(about=(story.__doc__ or "").strip(), rows=rows, facts=facts)


def folded(rows: Iterable[Row]) -> tuple[dict[str, Facts], list[Finding]]:
    """Fold rows with today's code: the facts of the end, and what is wrong."""
    replayer = Replayer(Decoder(journal_codec(), MemoryBlobs()), ENTITIES)
    findings = [finding for row in rows for finding in replayer.take(row).findings]
    findings += replayer.end()
    return {stream: facts_of(state) for stream, state in sorted(replayer.states.items())}, findings


def digest(path: Path) -> str:
    """Return what tells a file from any other."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(names: list[str]) -> None:
    """Record the stories that have no file yet."""
    for name in names or STORIES:
        path = FOLDER / f"{name}.jsonl"
        if not path.exists():
            write(path, tell(name))
    digests = {path.name: digest(path) for path in recorded()}
    DIGESTS.write_text(json.dumps(digests, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
