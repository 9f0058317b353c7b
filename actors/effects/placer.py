"""Finds hosts for pods that wait for one: in the order of asking, as far as there is room.

1. Which host is a pure function (actors/host/fit.py) of what hosts offer and pods hold; this
   module keeps the queue, asks the pods, and gives reservations back that they refuse.
2. Pods that need the same wait in one line: when its first does not fit, nobody in it does, and
   others go on. It is not tried again before some host may have more room, or is another.
3. Up to `BATCH` placements are one append.
4. Who waits longer than a moment is told why, and told again only when the reason changes; never
   more than a batch in a while, so that telling does not crowd out placing.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from actors.effects.ledger import Ledger
from actors.effects.rooms import Verdict, judge
from actors.host.fit import Placement, fit, need_of
from actors.host.units import Units
from actors.kernel.decider import Rejection
from actors.kernel.kernel import Kernel
from actors.kernel.mailbox import LoopFuture
from actors.kernel.post import TRANSIENT
from actors.kernel.request import Answer
from actors.pod.commands import PlacePod, QueuePod, RequestPlacement
from events.journal import Outcome
from events.pod import PodDeleted, PodEnded, PodSpec
from events.record import Recorded, id_of

BATCH = 100
PAUSE_S = 1.0
"""How long a pod waits before it is told why, and before a refused append is tried again."""
TELLING_PAUSE_S = 0.5
"""Pause between two batches of pods that are told why they wait."""

LEAVING = frozenset({PodEnded, PodDeleted})
"""Events after which a pod waits for no host, or asks anew."""

Later = Callable[[float, Callable[[], None]], object]


class Need(NamedTuple):
    """What makes pods alike for placement."""

    amounts: Units
    fixed_ports: tuple[int, ...]
    chosen_ports: int


@dataclass(slots=True, eq=False)
class Waiting:
    """A pod in line."""

    order: int
    pod: str
    run: int
    need: Need
    told: str = ""
    """The reason it was last told."""


@dataclass(slots=True)
class Line:
    """Pods that need the same, in the order of asking."""

    pods: deque[Waiting] = field(default_factory=deque)
    reason: str = ""
    """Why the first of them does not fit; empty while that is not known."""
    void: int = 0
    """About how many of the pods have left."""
    tried_at: int = -1
    """State of the hosts in which it did not."""
    untold: deque[Waiting] = field(default_factory=deque)
    """Those who may not know that reason, and perhaps some who left."""

    def blame(self, reason: str, tried_at: int) -> None:
        """Take note why the first does not fit."""
        self.tried_at = tried_at
        if reason != self.reason:
            self.reason = reason
            self.untold = deque(self.pods)


class Placer:
    """The queue of pods without a host."""

    def __init__(self, *, kernel: Kernel, later: Later) -> None:
        self._kernel = kernel
        self._later = later
        self._ledger = Ledger()
        self._lines: dict[Need, Line] = {}
        self._asked: dict[str, Waiting] = {}
        """Where each pod stands; whatever else a line has of it is void."""
        self._order = 0
        self._rooms_at = 0
        """Raised whenever some host may have more room, or is another."""
        self._newest: tuple[PodSpec, Need] | None = None
        """Who asks after another is mostly of the same job."""
        self._is_round_due = False
        self._is_telling_due = False
        kernel.perform_with(RequestPlacement, self._request)
        kernel.observe(self._observe)

    @property
    def waiting(self) -> int:
        """Pods without a host."""
        return len(self._asked)

    @property
    def growth(self) -> int:
        """A number that is another whenever there may be more room than before."""
        return self._ledger.growth

    def judge(
        self, spec: PodSpec, *, ahead: Sequence[PodSpec], leaving: Iterable[str], evictable: Iterable[str]
    ) -> Verdict:
        """Say whether a pod that is not asked for yet would find a host: see `rooms.judge`.

        `leaving` and `evictable` are ids of pods; those that hold nothing make no difference.
        """
        held = ((pod, self._ledger.held(pod)) for pod in evictable)
        return judge(
            spec,
            rooms=self._ledger.rooms(),
            empty=self._ledger.empty_rooms(),
            ahead=ahead,
            leaving=[each for each in map(self._ledger.held, leaving) if each is not None],
            evictable={pod: each for pod, each in held if each is not None},
        )

    def holds(self, pod: str) -> bool:
        """Tell whether a pod has room on a host, or is about to be given it."""
        return self._ledger.held(pod) is not None

    def close(self) -> None:
        """Forget who waits; after a restart they ask again."""
        self._lines.clear()
        self._asked.clear()

    def recall(self, record: Recorded) -> None:
        """Take in a record of the past, at start."""
        self._ledger.fold(record)

    def _observe(self, outcomes: Sequence[Outcome]) -> None:
        has_more_room = False
        for outcome in outcomes:
            for record in outcome.records or ():
                has_more_room = self._ledger.fold(record) or has_more_room
                if record.event.__class__ in LEAVING and self._asked:
                    self._leave(id_of(record.stream))
        if has_more_room:
            self._rooms_at += 1
            if self._asked:
                self._call_round()

    def _request(self, stream: str, effect: RequestPlacement) -> None:
        pod = id_of(stream)
        spec = self._ledger.spec_of(pod)
        waiting = self._asked.get(pod)
        if spec is None or (waiting is not None and waiting.run == effect.run):
            return
        need = self._need_of(spec)
        line = self._lines.get(need)
        if line is None:
            line = self._lines[need] = Line()
        if waiting is not None and waiting.need == need:
            waiting.run = effect.run  # another run of the pod takes the place of the one before
            waiting.told = ""
        else:
            self._order += 1
            self._asked[pod] = waiting = Waiting(self._order, pod, effect.run, need)
            line.pods.append(waiting)
        line.untold.append(waiting)
        if line.tried_at == self._rooms_at:
            self._call_tell()
        else:
            self._call_round()

    def _leave(self, pod: str) -> None:
        """Let go of a pod that wants no host any more; its line forgets it when half of it is void."""
        waiting = self._asked.pop(pod, None)
        line = None if waiting is None else self._lines.get(waiting.need)
        if line is None:
            return
        line.void += 1
        if 2 * line.void >= len(line.pods):
            line.pods = deque(each for each in line.pods if self._asked.get(each.pod) is each)
            line.untold = deque(each for each in line.untold if self._asked.get(each.pod) is each)
            line.void = 0
            if not line.pods and waiting is not None:
                del self._lines[waiting.need]

    def _need_of(self, spec: PodSpec) -> Need:
        if self._newest is None or self._newest[0] is not spec:
            self._newest = spec, need_in_line(spec)
        return self._newest[1]

    # ------------------------------------------------------------ rounds

    def _call_round(self) -> None:
        if not self._is_round_due:
            self._is_round_due = True
            self._later(0, self._round)

    def _round(self) -> None:
        self._is_round_due = False
        rooms = list(self._ledger.rooms())
        heads = [
            (line.pods[0].order, need)
            for need, line in self._lines.items()
            if line.pods and line.tried_at != self._rooms_at
        ]
        heapq.heapify(heads)
        placed: list[tuple[Waiting, Placement]] = []
        while heads and len(placed) < BATCH:
            _, need = heapq.heappop(heads)
            line = self._lines[need]
            waiting = line.pods[0]
            if self._asked.get(waiting.pod) is waiting:
                spec = self._ledger.spec_of(waiting.pod)
                found = fit(spec, rooms) if spec is not None else None
                if isinstance(found, str):
                    line.blame(found, self._rooms_at)
                    continue
                del self._asked[waiting.pod]
                if found is not None:
                    placed.append((waiting, found))
                    self._ledger.reserve(waiting.pod, waiting.run, need.amounts, found)
                    rooms = [
                        self._ledger.room(room.host) if room.host == found.host else room for room in rooms
                    ]
            line.pods.popleft()
            if line.pods:
                heapq.heappush(heads, (line.pods[0].order, need))
            else:
                del self._lines[need]
        if placed:
            self._place(placed)
        if heads:
            self._call_round()
        if self._asked:
            self._call_tell()

    def _call_tell(self) -> None:
        if not self._is_telling_due:
            self._is_telling_due = True
            self._later(PAUSE_S, self._tell)

    def _place(self, placed: Sequence[tuple[Waiting, Placement]]) -> None:
        answered = self._kernel.ask_together(
            [
                (f"pod/{waiting.pod}", PlacePod(run=waiting.run, host=found.host, ports=found.ports))
                for waiting, found in placed
            ],
            all_or_none=False,
        )
        answered.then(lambda done: self._placed([waiting for waiting, _ in placed], done))

    def _placed(self, pods: Iterable[Waiting], answered: LoopFuture[tuple[Answer, ...]]) -> None:
        try:
            answers = answered.get()
        except Exception:  # noqa: BLE001 - a bug of the decider's, logged there
            return
        for waiting, answer in zip(pods, answers, strict=True):
            if not isinstance(answer, Rejection):
                continue
            self._ledger.take_back(waiting.pod, waiting.run)
            self._rooms_at += 1
            if answer.code in TRANSIENT:
                again = RequestPlacement(run=waiting.run)
                self._later(PAUSE_S, lambda pod=waiting.pod, again=again: self._request(f"pod/{pod}", again))  # type: ignore[misc]
        if self._asked:
            self._call_round()

    # ------------------------------------------------------------ reasons

    def _tell(self) -> None:
        self._is_telling_due = False
        commands: list[tuple[str, object]] = []
        for line in self._lines.values():
            while line.reason and line.untold and len(commands) < BATCH:
                waiting = line.untold.popleft()
                if self._asked.get(waiting.pod) is waiting and waiting.told != line.reason:
                    waiting.told = line.reason
                    commands.append((f"pod/{waiting.pod}", QueuePod(run=waiting.run, reason=line.reason)))
        if commands:
            self._kernel.ask_together(commands, all_or_none=False).then(_ignore)
        if len(commands) == BATCH:
            self._is_telling_due = True
            self._later(TELLING_PAUSE_S, self._tell)


def need_in_line(spec: PodSpec) -> Need:
    """Return what decides in which line a pod waits."""
    ports = [port for each in (*spec.init_containers, *spec.containers) for port in each.ports]
    return Need(
        need_of(spec),
        tuple(port.number for port in ports if port.number),
        sum(not port.number for port in ports),
    )


def _ignore(answered: LoopFuture[tuple[Answer, ...]]) -> None:
    """Leave a reason untold: it is news for people, and told again when it changes."""
    del answered
