"""Delivers the commands that entities send to each other: at least once, and in order.

1. A command is sent after the event that asked for it is committed, under an identity that is
   derived from that event; receivers refuse what they have taken before.
2. Between one sender and one receiver there is one command under way; the next waits for its
   answer. So a repeat never overtakes, and a refusal by identity is always of a repeat.
3. Whatever the receiver answers, rejection included, ends the delivery; only an answer that says
   "nothing was stored, try again" leads to a repeat, after a pause. Meanwhile all that is sent to this
   receiver waits, and takes no place of what is under way to others; then one of them tries, and after
   an answer of its own the others follow. The pause doubles from try to try, up to a bound.
4. Who asks whether a pair is passed hears it when all that was sent there before has its answer: so
   a caller's command does not overtake what was acknowledged earlier.
5. At most `window` commands are under way; the rest wait in order.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from actors.kernel.decider import Rejection
from actors.kernel.entity import EntityActor
from actors.kernel.mailbox import LoopFuture
from actors.kernel.request import TRANSIENT, Answer, Request
from events.record import Delivery

Deliver = Callable[[str, Request, LoopFuture[Answer]], None]
Later = Callable[[float, Callable[[], None]], object]
"""Runs a callable after so many seconds."""

__all__ = ["PAUSE_S", "TRANSIENT", "Deliver", "Later", "Parcel", "Post"]

PAUSE_S = 0.1
LONGEST_PAUSE_S = 1.6


class Parcel(NamedTuple):
    """One command under way."""

    sender: EntityActor
    to: str
    command: object
    delivery: Delivery
    cause: int
    """Revision of the event that asked for it, 0 when that is not known."""


class Pausing:
    """A receiver that is to be tried again later."""

    __slots__ = ("parcels", "pause_s", "probe")

    def __init__(self) -> None:
        self.parcels: deque[Parcel] = deque()
        """What waits for it."""
        self.pause_s = PAUSE_S
        """Time to the next try."""
        self.probe: Parcel | None = None
        """The one that tries, None until then."""


class Post:
    """All commands that wait for an answer of another entity."""

    def __init__(
        self,
        *,
        deliver: Deliver,
        later: Later,
        window: int = 4096,
        at_rest: Callable[[EntityActor], None] = lambda _: None,
    ) -> None:
        self._deliver = deliver
        self._later = later
        self._window = window
        self._at_rest = at_rest
        self._is_pumping = False
        self._under_way = 0
        self._ready: deque[Parcel] = deque()
        self._behind: dict[tuple[str, str], deque[Parcel | LoopFuture[None]]] = {}
        """What waits behind the command under way, by sender and receiver; a future is who asked."""
        self._pausing: dict[str, Pausing] = {}

    @property
    def waiting(self) -> int:
        """Commands that have no answer yet."""
        pausing = sum(len(each.parcels) for each in self._pausing.values())
        return self._under_way + len(self._ready) + pausing + sum(map(len, self._behind.values()))

    def send(self, parcel: Parcel) -> None:
        """Take a command in; its sender counts it until it is answered."""
        parcel.sender.sent(parcel.delivery.version)
        pair = (parcel.delivery.sender, parcel.to)
        if pair in self._behind:
            self._behind[pair].append(parcel)
        else:
            self._behind[pair] = deque()
            self._ready.append(parcel)
            self._pump()

    def passed(self, sender: str, to: str) -> LoopFuture[None] | None:
        """Tell when all that one entity has sent to another so far is answered; None when it is."""
        behind = self._behind.get((sender, to))
        if behind is None:
            return None
        asked: LoopFuture[None] = LoopFuture()
        behind.append(asked)
        return asked

    def _pump(self) -> None:
        if self._is_pumping:  # an answer that comes at once is not to pile up calls
            return
        self._is_pumping = True
        try:
            while self._ready and self._under_way < self._window:
                parcel = self._ready.popleft()
                pausing = self._pausing.get(parcel.to) if self._pausing else None
                if pausing is None or pausing.probe is parcel:
                    self._under_way += 1
                    self._hand_over(parcel)
                else:
                    pausing.parcels.append(parcel)
        finally:
            self._is_pumping = False

    def _hand_over(self, parcel: Parcel) -> None:
        reply: LoopFuture[Answer] = LoopFuture()
        reply.then(lambda done: self._answered(parcel, done))
        self._deliver(
            parcel.to,
            Request(command=parcel.command, delivery=parcel.delivery, cause=parcel.cause),
            reply,
        )

    def _answered(self, parcel: Parcel, reply: LoopFuture[Answer]) -> None:
        try:
            answer = reply.get()
        except Exception:  # noqa: BLE001 - a bug of the receiver's, logged there; a repeat would repeat it
            answer = None
        self._under_way -= 1
        if isinstance(answer, Rejection) and answer.code in TRANSIENT:
            self._postpone(parcel)
            self._pump()
            return
        if self._pausing and (pausing := self._pausing.pop(parcel.to, None)) is not None:
            self._ready.extend(pausing.parcels)
        parcel.sender.answered(parcel.delivery.version)
        if not parcel.sender.unanswered:
            self._at_rest(parcel.sender)
        pair = (parcel.delivery.sender, parcel.to)
        behind = self._behind[pair]
        following: Parcel | None = None
        while behind and following is None:
            waiting = behind.popleft()
            if isinstance(waiting, LoopFuture):
                waiting.set(None)
            else:
                following = waiting
        if following is not None:
            self._ready.append(following)
        else:
            del self._behind[pair]
        self._pump()

    def _postpone(self, parcel: Parcel) -> None:
        """Let a receiver be, and what is sent to it wait."""
        pausing = self._pausing.get(parcel.to)
        if pausing is None:
            pausing = self._pausing[parcel.to] = Pausing()
        elif parcel is pausing.probe:
            pausing.pause_s = min(2 * pausing.pause_s, LONGEST_PAUSE_S)
        else:  # it was under way when another was refused
            pausing.parcels.append(parcel)
            return
        pausing.probe = None
        pausing.parcels.appendleft(parcel)
        self._later(pausing.pause_s, lambda: self._try_again(parcel.to, pausing))

    def _try_again(self, to: str, pausing: Pausing) -> None:
        if self._pausing.get(to) is pausing:  # else it has answered meanwhile
            pausing.probe = pausing.parcels.popleft()
            self._ready.appendleft(pausing.probe)
            self._pump()
