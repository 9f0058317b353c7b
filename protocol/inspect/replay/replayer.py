"""Takes rows in order, folds them with today's code, and says what is wrong with each.

1. What cannot be decoded or folded is a finding, and what follows in its stream is not folded any
   more: one mistake is told once.
2. Versions are checked of rows, so also of those that nobody can decode.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from actors.kernel.decider import Entity
from events.codec import UnreadableEvent
from events.journal.row import Decoder
from events.journal.store import Row
from events.receipt import CommandReceived
from events.record import Recorded, entity_of
from protocol.inspect.replay.rules import Appends, Seen, rules


class Finding(NamedTuple):
    """Something that is wrong."""

    rule: str
    stream: str
    detail: str
    revision: int = 0
    """0 for what is wrong in the end."""
    version: int = 0
    topic: str = ""


class Step(NamedTuple):
    """One row, and what became of its entity."""

    row: Row
    recorded: Recorded | None
    """None when it cannot be decoded."""
    before: object
    after: object
    findings: tuple[Finding, ...]


class Replayer:
    """Folds a journal.

    Args:
        decoder: Makes records of rows.
        entities: Everything that has an actor.
        is_whole: False when only one entity's rows will come.
    """

    def __init__(self, decoder: Decoder, entities: Iterable[Entity[Any]], *, is_whole: bool = True) -> None:
        self._decoder = decoder
        self._entities: Mapping[str, Entity[Any]] = {entity.name: entity for entity in entities}
        self._rules = rules(self._entities.values(), is_whole=is_whole)
        self._versions: dict[str, int] = {}
        self._unread: dict[str, int] = {}
        """Events that were not folded because one before them could not be, by stream."""
        self.states: dict[str, object] = {}
        """What each entity's actor would remember now."""
        self.count = 0
        """Rows taken."""

    @property
    def streams(self) -> int:
        """How many streams there are."""
        return len(self._versions)

    def take(self, row: Row) -> Step:
        """Take the next row."""
        self.count += 1
        findings: list[Finding] = []
        revision, stream, version, topic, _ = row
        last = self._versions.get(stream, 0)
        self._versions[stream] = version
        if version != last + 1:
            findings.append(Finding("version", stream, f"follows version {last}", revision, version, topic))
        before = after = self.states.get(stream)
        is_lost = stream in self._unread
        recorded = self._decoded(row, findings)
        if is_lost:
            self._unread[stream] += 1
        elif recorded is not None:
            after = self._evolved(recorded, before, topic, findings)
        if stream in self._unread or recorded is None:
            self._lose_append()
        else:
            seen = Seen(recorded, before, after)
            for rule in self._rules:
                findings += [
                    Finding(rule.name, stream, detail, revision, version, topic) for detail in rule.look(seen)
                ]
        return Step(row, recorded, before, after, tuple(findings))

    def end(self) -> Iterator[Finding]:
        """Yield what is wrong with the whole."""
        for rule in self._rules:
            for stream, detail in rule.end():
                yield Finding(rule.name, stream, detail)
        for stream, count in self._unread.items():
            if count:
                yield Finding("fold", stream, f"{count} later events were not folded")

    def _decoded(self, row: Row, findings: list[Finding]) -> Recorded | None:
        revision, stream, version, topic, _ = row
        try:
            (recorded,) = self._decoder.records((row,))
        except (UnreadableEvent, OSError) as error:
            findings.append(Finding("decode", stream, str(error), revision, version, topic))
            self._unread.setdefault(stream, 0)
            return None
        return recorded

    def _evolved(self, recorded: Recorded, before: object, topic: str, findings: list[Finding]) -> object:
        entity = self._entities.get(entity_of(recorded.stream))
        if entity is None or type(recorded.event) is CommandReceived:
            return before
        try:
            after: object = entity.evolve(before, recorded.stream, recorded.event)
        except Exception as error:  # noqa: BLE001 - evolve is total: whatever it raises is a finding
            detail = f"evolve raises {type(error).__name__}: {error}"
            findings.append(
                Finding("fold", recorded.stream, detail, recorded.revision, recorded.version, topic)
            )
            self._unread[recorded.stream] = 0
            return before
        self.states[recorded.stream] = after
        return after

    def _lose_append(self) -> None:
        for rule in self._rules:
            if isinstance(rule, Appends):
                rule.lose()
