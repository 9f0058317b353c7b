"""Kernel and hot views over a journal, filled as the server fills them at start.

1. There are no engines and no hosts: what would still have to be done is counted and left.
2. Nothing is appended; whatever the kernel would have to send again is an error, for the journals here
   are of jobs that came to rest.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NoReturn

from actors.kernel.clock import VirtualClock
from actors.kernel.kernel import Kernel, Surroundings
from actors.pod.commands import ForgetPod, ForgetRun, LaunchRun, ObserveRun, RequestPlacement, StopRun
from events.journal import Committer, Journal, SteppedWriter
from events.record import Recorded
from projections.hot import HotViews
from protocol.plane import SCAN_PAGE
from protocol.vocabulary import ENTITIES

EFFECTS = (RequestPlacement, LaunchRun, ObserveRun, StopRun, ForgetRun, ForgetPod)


class Memory:
    """What a server has in memory of a journal."""

    def __init__(self, journal: Journal) -> None:
        self._reader = journal.reader()
        self._journal = journal
        self.effects: Counter[type] = Counter()
        """How many effects of each kind are to be carried out."""
        self.hot = HotViews()
        self.kernel = Kernel(
            entities=ENTITIES,
            codec=journal.codec,
            writer=SteppedWriter(Committer(journal), lambda _: None),
            point_reader=self._reader,
            world=Surroundings(
                clock=VirtualClock(),
                new_id=_refuse_id,
                defer=lambda _: None,
                later=lambda _seconds, _call: None,
                spawn=lambda _: None,
                read_page=_refuse_page,
                on_fenced=_refuse,
            ),
        )
        for effect in EFFECTS:
            self.kernel.perform_with(effect, self._count)

    def fold(self, records: Iterable[Recorded]) -> None:
        """Fold the states of all actors."""
        self.kernel.recover(records, {})

    def fill(self) -> None:
        """Fill views and actors from the journal, and find the work that was left."""
        reader = self._journal.reader()
        try:
            self.kernel.recover(self._shown(reader.scan()), {})()
        finally:
            reader.close()
        if self.kernel.post.waiting:
            raise RuntimeError(f"{self.kernel.post.waiting} commands would have to be sent again")

    def close(self) -> None:
        """Give back what reading holds."""
        self._reader.close()

    def _shown(self, records: Iterator[Recorded]) -> Iterator[Recorded]:
        part: list[Recorded] = []
        for record in records:
            part.append(record)
            if len(part) == SCAN_PAGE:
                self.hot.replay(part)
                yield from part
                part = []
        self.hot.replay(part)
        yield from part

    def _count(self, _stream: str, effect: object) -> None:
        self.effects[type(effect)] += 1


def _refuse_id() -> NoReturn:
    raise AssertionError("nothing new is decided")


def _refuse(reason: str) -> NoReturn:
    raise AssertionError(reason)


async def _refuse_page(stream: str, after: int, limit: int) -> list[Recorded]:
    raise AssertionError(f"{stream} is too long: {limit} events after {after}")
