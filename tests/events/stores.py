"""The two stores that one contract is checked over, and words to write short tests with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from events import pod
from events.journal import Append, Blobs, Committer, Entry, Journal, MemoryBlobs, MemoryRecorder, Outcome
from events.record import Envelope, Recorded
from tests.events.strategies import codec

CODEC = codec()

ROOT = Path(__file__).parents[2]
"""Where programs that tests start find `events` and `tests`."""


@dataclass
class Place:
    """Where a journal stands, so that it can be opened again."""

    path: Path
    recorder: MemoryRecorder | None
    blobs: Blobs = field(default_factory=MemoryBlobs)

    def open(self) -> Journal:
        if self.recorder is None:
            return Journal.open(self.path / "journal.sqlite", CODEC)
        return Journal.in_memory(CODEC, recorder=self.recorder, blobs=self.blobs)


PLACES: dict[str, Callable[[Path], Place]] = {
    "sqlite": lambda path: Place(path, None),
    "memory": lambda path: Place(path, MemoryRecorder()),
}


def queued(run: int = 1, reason: str = "") -> pod.PodQueued:
    return pod.PodQueued(run=run, reason=reason)


def append(stream: str, versions: Sequence[int], *, epoch: int = 1, reason: str = "") -> Append:
    """Return an append of one event for each version."""
    return Append(
        [Entry(stream, version, queued(version, reason)) for version in versions], Envelope(at=7), epoch
    )


def stored(committer: Committer, *appends: Append) -> list[Recorded]:
    """Submit, commit until all is told, and return the records; nothing may fail."""
    for one in appends:
        committer.submit(one)
    outcomes: list[Outcome] = []
    while len(outcomes) < len(appends):
        outcomes += committer.commit()
    assert [outcome.failure for outcome in outcomes] == [None] * len(appends)
    return [record for outcome in outcomes for record in outcome.records or ()]
