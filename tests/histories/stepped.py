"""Jobs, pods and simulated hosts over a journal in memory, taken step by step.

1. No thread, no loop, no time but its own: the same commands give the same journal, byte for byte.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from actors.effects.engines.engine import Engine, Report
from actors.effects.engines.simulated import SimulatedEngine
from actors.effects.placer import Placer
from actors.effects.pods import PodWorld
from actors.host.commands import DeclareHost
from actors.job.commands import JobAccepted
from actors.kernel.clock import VirtualClock
from actors.kernel.idempotency import receipt_stream
from actors.kernel.ids import TimeOrderedIds
from actors.kernel.kernel import Kernel, Surroundings
from actors.kernel.request import Accepted, Answer, Keyed, Request
from events.capacity import Resources
from events.host import EngineKind, HostSpec
from events.journal import Committer, Journal, MemoryRecorder, Outcome, SteppedWriter
from events.journal.store import Row
from events.record import Recorded
from protocol.vocabulary import ENTITIES, journal_codec

CODEC = journal_codec()
HOST = HostSpec(
    capacity=Resources(cpu=8, memory_mb=8192, disk_mb=8192), ports=(31000, 31999), engine=EngineKind.SIMULATED
)


class Stepped:
    """Everything behind the façades but the projections."""

    def __init__(self, *, hosts: Mapping[str, HostSpec] = {"sim": HOST}) -> None:
        self.clock = VirtualClock()
        self.recorder = MemoryRecorder(identity="0" * 32)
        journal = Journal.in_memory(CODEC, recorder=self.recorder)
        self.reader = journal.reader()
        self._deferred: deque[Callable[[], None]] = deque()
        self._writer = SteppedWriter(Committer(journal), self._conclude)
        bits = random.Random(7).getrandbits  # noqa: S311 - ids that are the same in every run
        self.new_id = TimeOrderedIds(self.clock.now, bits)
        self._kernel = Kernel(
            entities=ENTITIES,
            codec=journal.codec,
            writer=self._writer,
            point_reader=self.reader,
            world=Surroundings(
                clock=self.clock,
                new_id=self.new_id,
                defer=self._deferred.append,
                later=self._later,
                spawn=_unexpected,
                read_page=self._read_page,
                on_fenced=_unexpected,
            ),
        )
        self._engines: dict[str, Engine] = {
            name: SimulatedEngine(name, self._report, self.clock) for name in hosts
        }
        Placer(kernel=self._kernel, later=self._later)
        self._world = PodWorld(kernel=self._kernel, engines=self._engines, later=self._later)
        self._kernel.recover((), {})()
        for name, spec in hosts.items():
            self._kernel.tell(f"host/{name}", DeclareHost(name=name, spec=spec))
        self.settle()

    def ask(self, stream: str, command: object, *, key: str = "", wait_s: float = 0) -> str:
        """Give a client's command, and let time pass; answer the version it led to, or the refusal."""
        keyed = Keyed(receipt_stream("ada", key), repr(command)) if key else None
        request = Request(
            command=command, principal="ada", origin="tests", request_id=self.new_id(), keyed=keyed
        )
        answer = asyncio.run(self._answered(stream, request))
        self.pass_time(wait_s)
        match answer:
            case Accepted(JobAccepted(version=version)):
                return version
            case _:
                return str(answer)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, doing all that is due in it."""
        end = self.clock.now() + round(seconds * 1_000_000)
        self.settle()
        while (due := self.clock.next_at()) is not None and due <= end:
            self.clock.advance(max(0, due - self.clock.now()))
            self.settle()
        self.clock.advance(end - self.clock.now())
        self.settle()

    def settle(self) -> None:
        """Do all that needs no time."""
        while True:
            if self._deferred:
                self._deferred.popleft()()
            elif self._writer.can_commit:
                self._writer.commit()
            elif self._writer.can_deliver:
                self._writer.deliver()
            elif (due := self.clock.next_at()) is not None and due <= self.clock.now():
                self.clock.advance()
            else:
                return

    def rows(self) -> list[Row]:
        """Return the journal."""
        return self.recorder.page(1, 1_000_000, None)

    def records(self) -> list[Recorded]:
        """Return the journal, decoded."""
        return self.reader.page(1, 1_000_000)

    # ------------------------------------------------------------ inside

    async def _answered(self, stream: str, request: Request) -> Answer:
        asking = asyncio.ensure_future(self._kernel.ask(stream, request))
        while not asking.done():
            await asyncio.sleep(0)
            self.settle()
        return await asking

    def _conclude(self, outcomes: Sequence[Outcome]) -> None:
        self._kernel.conclude(outcomes)

    def _report(self, report: Report) -> None:
        self._world.report(report)

    def _later(self, seconds: float, call: Callable[[], None]) -> object:
        return self.clock.call_at(self.clock.now() + round(seconds * 1_000_000), call)

    async def _read_page(self, stream: str, after: int, limit: int) -> list[Recorded]:
        raise AssertionError(f"{stream} is too long to be read off the loop: {after}, {limit}")


def _unexpected(it: object) -> None:
    raise AssertionError(f"nothing of this kind happens here: {it}")
