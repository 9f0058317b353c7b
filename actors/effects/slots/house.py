"""Seats: slots as they are in the world, from the wish for one to the end of its pod.

1. A seat is a worker with a session pod, and a directory for its socket that is this user's alone.
2. What became of a seat is told to whoever wished for it, once, and never inside a call.
3. What an earlier server left on disk is removed at start; its workers were lost with it (see dispatch).
4. A seat that is to end before its worker was asked for never asks for one: its order to drain came
   first and found nobody, and no other would follow.
"""

import os
import shutil
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from actors.effects.rooms import Fits, Full, Verdict
from actors.effects.slots.lease import Start, Want
from actors.effects.slots.place import Places
from actors.effects.slots.seat import SOCKET, NotUp, Seat
from actors.host.fit import outline
from actors.kernel.clock import Clock
from actors.kernel.decider import Rejection
from actors.kernel.kernel import Kernel
from actors.kernel.request import TRANSIENT, Answer
from actors.worker.commands import CallWorker, DrainWorker, ReadyWorker, RegisterWorker
from events.journal import Outcome
from events.pod import PodContainerExited, PodContainerStarted, PodDeleted, PodEnded, PodPlaced, PodSpec
from events.record import entity_of, id_of
from events.worker import WorkerCalled, WorkerSpec

KIND = "slot"
DIRECTORY = "directory"
"""Label of a worker: where its socket is."""
NOWHERE = Path(os.devnull)
"""Stands for the place of a directory that cannot be made: there can be none below it."""
PAUSE_S = 1.0
SPECIMENS = 256
"""Outlines of pods that are remembered for the question whether there is room for one."""

HEEDED = frozenset({WorkerCalled, PodPlaced, PodContainerStarted, PodContainerExited, PodEnded, PodDeleted})
"""Classes of events that say what becomes of a seat."""


class Placing(Protocol):
    """Who knows what room there is."""

    @property
    def growth(self) -> int:
        """A number that is another whenever there may be more room than before."""

    def judge(
        self, spec: PodSpec, *, ahead: Sequence[PodSpec], leaving: Iterable[str], evictable: Iterable[str]
    ) -> Verdict:
        """Say whether a pod would find a host."""

    def holds(self, pod: str) -> bool:
        """Tell whether a pod has room on a host, or is about to be given it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Who is told what becomes of seats."""

    up: Callable[[Seat], None]
    failed: Callable[[Seat, NotUp], None]
    """It did not come up; it still has to be retired."""
    died: Callable[[Seat], None]
    """Its process ended by itself; it still has to be retired."""
    forgotten: Callable[[Seat], None]
    """Nothing is left of it."""


class House:
    """All seats."""

    def __init__(
        self,
        *,
        kernel: Kernel,
        placing: Placing,
        clock: Clock,
        later: Callable[[float, Callable[[], None]], object],
        spawn: Callable[[Awaitable[None]], object],
        listen_s: float,
        header_limit: int,
        told: Told,
        places: Places,
    ) -> None:
        self._places = places
        self._kernel = kernel
        self._placing = placing
        self._clock = clock
        self._later = later
        self._spawn = spawn
        self._listen_s = listen_s
        self._header_limit = header_limit
        self._told = told
        self._seats: dict[str, Seat] = {}
        self._pods: dict[str, Seat] = {}
        self._promised: list[PodSpec] = []
        """Seats that the judge said yes to and that are not begun yet."""
        self._specimens: dict[bytes, PodSpec] = {}
        self._full: dict[bytes, int] = {}
        """For whom there was no room, with the growth until then; nothing of ours has ended since."""
        self._base: Path | None = None
        kernel.observe(self._observe)

    def __iter__(self) -> Iterator[Seat]:
        return iter(tuple(self._seats.values()))

    def seat(self, slot: str) -> Seat | None:
        """Return a seat, None when nothing is left of it."""
        return self._seats.get(slot)

    def start(self) -> None:
        """Remove what an earlier server left."""
        for directory in self._places.left():
            shutil.rmtree(directory, ignore_errors=True)

    def close(self) -> None:
        """Let go of everything; what runs ends with its pods."""
        for seat in self:
            seat.disconnect()
            seat.thaw()
        if self._base is not None:
            shutil.rmtree(self._base, ignore_errors=True)

    # ------------------------------------------------------------ from wish to seat

    def judge(self, want: Want, evictable: Sequence[str]) -> Verdict:
        """Say whether there is room for a seat, and which ones have to be retired for it.

        Who is told that there is begins the seat next, and retires the others before.
        """
        if not evictable and self._full.get(want.key) == self._placing.growth:
            return Full()  # as it was when it was looked at last
        spec = self._specimen(want)
        # Room is reserved before the placement is stored: asking the seat alone would count such a pod twice.
        unplaced = [
            seat.spec
            for seat in self._seats.values()
            if not (seat.is_placed or seat.is_leaving or self._placing.holds(seat.pod))
        ]
        leaving = [seat.pod for seat in self._seats.values() if seat.is_leaving]
        pods = {self._seats[slot].pod: slot for slot in evictable}
        verdict = self._placing.judge(
            spec, ahead=(*unplaced, *self._promised), leaving=leaving, evictable=pods
        )
        if isinstance(verdict, Fits):
            self._promised.append(spec)
            for pod in verdict.after:
                self._seats[pods[pod]].is_leaving = True
            self._full.clear()
            return Fits(tuple(pods[pod] for pod in verdict.after))
        if isinstance(verdict, Full) and not evictable and len(self._full) < SPECIMENS:
            self._full[want.key] = self._placing.growth
        return verdict

    def _specimen(self, want: Want) -> PodSpec:
        """Return the outline of a pod for a want: the same for equal keys."""
        spec = self._specimens.get(want.key)
        if spec is None:
            if len(self._specimens) >= SPECIMENS:
                self._specimens.clear()
            spec = self._specimens[want.key] = outline(want.spec(Path()))
        return spec

    def begin(self, slot: str, want: Want) -> None:
        """Begin a seat, under a name that none had before."""
        self._promised.pop(0)
        fault: NotUp | None = None
        try:
            directory = self._directory() / slot[-12:]
        except OSError as error:
            directory, fault = NOWHERE / slot, _not_made(error)
        spec = want.spec(directory / SOCKET)
        seat = self._seats[slot] = Seat(slot, want.key, directory, spec, want.idle_s)
        self._spawn(self._bring_up(seat, fault))

    async def _bring_up(self, seat: Seat, fault: NotUp | None) -> None:
        if seat.is_leaving:  # as there is no worker to drain, it is forgotten without one
            return
        began_at = self._clock.now()
        try:
            if fault is not None:
                raise fault
            self._make(seat.directory)
            await self._call(seat)
            called_at = self._clock.now()
            await seat.until_begun()
            begun_at = self._clock.now()
            await seat.until_listening(self._listen_s, self._header_limit)
        except NotUp as failure:
            self._told.failed(seat, failure)
            return
        spans = (called_at - began_at, begun_at - called_at, self._clock.now() - begun_at)
        seat.start = Start(*(span * 1000 for span in spans))
        # What it is given next is decided after this, in the order of asking, and so is stored after it.
        ready = self._kernel.ask_together(((f"worker/{seat.slot}", ReadyWorker()),))
        self._told.up(seat)
        try:
            _accepted(*await ready)
        except NotUp as failure:
            self._told.failed(seat, failure)

    async def _call(self, seat: Seat) -> None:
        """Open the pod of a slot. Raises NotUp."""
        labels = ((DIRECTORY, str(seat.directory)),)
        registers = RegisterWorker(name=seat.slot, spec=WorkerSpec(kind=KIND, labels=labels, pod=seat.spec))
        # Both are decided at once and stored in one commit.
        replies = [
            self._kernel.tell(f"worker/{seat.slot}", command)
            for command in (registers, CallWorker(name=seat.slot))
        ]
        for reply in replies:
            _accepted(await reply)

    @staticmethod
    def _make(directory: Path) -> None:
        try:
            directory.mkdir(mode=0o700)
        except OSError as error:
            raise _not_made(error) from None

    def _directory(self) -> Path:
        # What cleans directories for temporary files may have taken it away.
        if self._base is None or not self._base.is_dir():
            self._base = self._places.make()
        return self._base

    # ------------------------------------------------------------ ends

    def retire(self, seat: Seat, reason: str) -> None:
        """Have a seat end."""
        self._full.clear()
        seat.is_leaving = True
        seat.disconnect()
        seat.thaw()  # what is frozen does not hear that it has to end
        self._drain_worker(seat, reason)

    def _drain_worker(self, seat: Seat, reason: str) -> None:
        reply = self._kernel.tell(f"worker/{seat.slot}", DrainWorker(reason=reason))

        def answered(_: object) -> None:
            answer = None
            with suppress(Exception):
                answer = reply.get()
            if isinstance(answer, Rejection) and answer.code in TRANSIENT:
                self._later(PAUSE_S, lambda: self._drain_worker(seat, reason))
            elif not seat.pod:
                self._forget(seat)

        reply.then(answered)

    def _forget(self, seat: Seat) -> None:
        self._full.clear()
        self._seats.pop(seat.slot, None)
        self._pods.pop(seat.pod, None)
        seat.remove()
        self._told.forgotten(seat)

    # ------------------------------------------------------------ what is committed

    def _observe(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            for record in outcome.records or ():
                if record.event.__class__ not in HEEDED:
                    continue
                match entity_of(record.stream):
                    case "pod" if (seat := self._pods.get(id_of(record.stream))) is not None:
                        self._see_pod(seat, record.event)
                    case "worker" if isinstance(record.event, WorkerCalled):
                        if (seat := self._seats.get(id_of(record.stream))) is not None:
                            seat.pod = id_of(record.event.pod)
                            self._pods[seat.pod] = seat
                    case _:
                        pass

    def _see_pod(self, seat: Seat, event: object) -> None:
        match event:
            case PodPlaced():
                seat.is_placed = True
            case PodContainerStarted():
                seat.process = event.process
                seat.began.set()
            case PodContainerExited():
                how = f"signal {event.signal}" if event.signal else f"exit code {event.exit_code}"
                self._see_end(seat, event.message or f"its process ended with {how}")
            case PodEnded():
                self._see_end(seat, event.message or "its process is gone")
                self._later(0, lambda: self._forget(seat) if seat.is_leaving else None)
            case PodDeleted():
                self._later(0, lambda: self._forget(seat))
            case _:
                pass

    def _see_end(self, seat: Seat, how: str) -> None:
        was_up = seat.path is not None
        seat.over(how)
        if was_up and not seat.is_leaving:
            self._later(0, lambda: self._told.died(seat))


def _not_made(error: OSError) -> NotUp:
    return NotUp(f"its directory cannot be made: {error.strerror}", is_ours=True)


def _accepted(answer: Answer) -> None:
    if isinstance(answer, Rejection):
        raise NotUp(answer.reason, is_ours=answer.code in TRANSIENT)
