"""Who waits for a slot, and which slots there are: a machine without input or output.

1. A slot does one task at a time. Slots of one key are alike; the one that was idle last is used first.
2. A slot is started only where more wait than are being started. Who waits longest is served first, by
   whichever slot is free first: the one that was started for another will do.
3. When there is no room, idle slots of other keys make some, those idle longest first; busy ones never.
4. Who cannot be served is refused once, or waits on, as the book is told to be.
5. A slot that failed to start takes along the one for whom it was started, if that one still waits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from actors.effects.rooms import Fits, Full, TooLarge, Verdict
from events.frozen import frozen

Judge = Callable[[bytes, Sequence[str]], Verdict]
"""Says whether there is room for a slot of a key, and which idle slots have to end for it."""


class Why(Enum):
    """Why somebody got no slot."""

    NO_ROOM = auto()
    TOO_LARGE = auto()
    CLOSED = auto()
    FAILED = auto()
    """The slot that was started for them did not come up."""


@frozen(kw_only=False)
class Grant:
    """Who waited has a slot."""

    ticket: int
    slot: str


@frozen(kw_only=False)
class Refuse:
    """Who waited gets none."""

    ticket: int
    why: Why


@frozen(kw_only=False)
class Start:
    """Start a slot."""

    slot: str
    key: bytes


@frozen(kw_only=False)
class Retire:
    """Have a slot end: it is used no more."""

    slot: str
    reason: str


@frozen(kw_only=False)
class Idle:
    """Call `expire` with this stamp when the slot was idle for its time."""

    slot: str
    stamp: int


Action = Grant | Refuse | Start | Retire | Idle


@dataclass(slots=True)
class Line:
    """The slots of one key, and who waits for one."""

    waiting: dict[int, None] = field(default_factory=dict)
    idle: list[str] = field(default_factory=list)
    starting: dict[str, int] = field(default_factory=dict)
    """Each with the ticket for which it is started."""
    busy: set[str] = field(default_factory=set)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be known of it."""
        return not (self.waiting or self.idle or self.starting or self.busy)


class Book:
    """All lines.

    Args:
        new_slot: Names a slot.
        judge: Says whether there is room.
        is_patient: Whether who finds no room waits for some.
        evicts: Whether idle slots make room for other keys.
    """

    def __init__(
        self, *, new_slot: Callable[[], str], judge: Judge, is_patient: bool = True, evicts: bool = True
    ) -> None:
        self._new_slot = new_slot
        self._judge = judge
        self._is_patient = is_patient
        self._evicts = evicts
        self._lines: dict[bytes, Line] = {}
        self._keys: dict[str, bytes] = {}
        self._tickets: dict[int, bytes] = {}
        """Who waits, in the order of asking."""
        self._idle: dict[str, int] = {}
        """Idle slots, longest first, with their stamps."""
        self._stamp = 0
        self._is_closed = False

    @property
    def slots(self) -> int:
        """All slots, those that are being started included."""
        return len(self._keys)

    @property
    def waiting(self) -> int:
        """Those who wait."""
        return len(self._tickets)

    def key_of(self, slot: str) -> bytes | None:
        """Return the key of a slot, None when there is no such slot any more."""
        return self._keys.get(slot)

    def is_idle(self, slot: str) -> bool:
        """Return whether a slot has nothing to do."""
        return slot in self._idle

    def has(self, key: bytes) -> bool:
        """Return whether there is a slot of a key, or somebody who waits for one."""
        return key in self._lines

    def is_wanted(self, slot: str) -> bool:
        """Return whether somebody waits for a slot that is being started."""
        key = self._keys.get(slot)
        return key is not None and bool(self._lines[key].waiting)

    # ------------------------------------------------------------ who waits

    def ask(self, key: bytes, ticket: int) -> tuple[Action, ...]:
        """Wait for a slot."""
        if self._is_closed:
            return (Refuse(ticket, Why.CLOSED),)
        self._lines.setdefault(key, Line()).waiting[ticket] = None
        self._tickets[ticket] = key
        return self._settle(key)

    def abandon(self, ticket: int) -> None:
        """Wait no more."""
        key = self._tickets.pop(ticket, None)
        if key is not None:
            del self._lines[key].waiting[ticket]
            self._tidy(key)

    def look_again(self) -> tuple[Action, ...]:
        """See whether there is room now for those who wait, in the order of asking."""
        keys = dict.fromkeys(self._tickets.values())
        return tuple(action for key in keys if key in self._lines for action in self._settle(key))

    def close(self) -> tuple[Action, ...]:
        """Serve nobody any more."""
        self._is_closed = True
        refused = tuple(Refuse(ticket, Why.CLOSED) for ticket in self._tickets)
        for ticket in list(self._tickets):
            self.abandon(ticket)
        return refused

    # ------------------------------------------------------------ slots

    def ready(self, slot: str) -> tuple[Action, ...]:
        """Take in that a slot has come up."""
        key = self._keys.get(slot)
        if key is None or self._lines[key].starting.pop(slot, None) is None:
            return ()
        return self._rest(key, slot)

    def free(self, slot: str) -> tuple[Action, ...]:
        """Take in that a slot has done its task, and may do another."""
        key = self._keys.get(slot)
        if key is None or slot not in self._lines[key].busy:
            return ()
        self._lines[key].busy.discard(slot)
        return self._rest(key, slot)

    def gone(self, slot: str) -> tuple[Action, ...]:
        """Take in that a slot does no more tasks, whatever it was about."""
        key = self._keys.pop(slot, None)
        if key is None:
            return ()
        line = self._lines[key]
        cause = line.starting.pop(slot, None)
        line.busy.discard(slot)
        if self._idle.pop(slot, None) is not None:
            line.idle.remove(slot)
        refused: tuple[Action, ...] = ()
        if cause is not None and cause in line.waiting:
            self.abandon(cause)
            refused = (Refuse(cause, Why.FAILED),)
        return (*refused, *(self._settle(key) if key in self._lines else ()))

    def expire(self, slot: str, stamp: int) -> tuple[Action, ...]:
        """Take in that a slot was idle for its time, unless it was used since."""
        return self._retire(slot, "idle") if self._idle.get(slot) == stamp else ()

    def _retire(self, slot: str, reason: str) -> tuple[Action, ...]:
        self.gone(slot)
        return (Retire(slot, reason),)

    # ------------------------------------------------------------ one key

    def _rest(self, key: bytes, slot: str) -> tuple[Action, ...]:
        self._stamp += 1
        stamp = self._idle[slot] = self._stamp
        self._lines[key].idle.append(slot)
        actions = self._settle(key)
        return actions if slot not in self._idle else (*actions, Idle(slot, stamp))

    def _settle(self, key: bytes) -> tuple[Action, ...]:
        line = self._lines[key]
        actions: list[Action] = []
        while line.waiting and line.idle:
            actions.append(self._grant(line))
        # Each start has somebody of its own to blame; who is being started for is not counted twice.
        causes = set(line.starting.values())
        for ticket in [each for each in line.waiting if each not in causes]:
            if len(line.waiting) <= len(line.starting):
                break
            match self._judge(key, self._evictable(key)):
                case Fits(after):
                    for slot in after:
                        actions += self._retire(slot, "another needed its place")
                    slot = self._new_slot()
                    self._keys[slot] = key
                    line.starting[slot] = ticket
                    actions.append(Start(slot, key))
                case TooLarge():
                    actions.append(self._refuse(ticket, Why.TOO_LARGE))
                case Full():
                    if self._is_patient:
                        break
                    actions.append(self._refuse(ticket, Why.NO_ROOM))
        self._tidy(key)
        return tuple(actions)

    def _grant(self, line: Line) -> Grant:
        ticket, slot = next(iter(line.waiting)), line.idle.pop()
        del line.waiting[ticket], self._tickets[ticket], self._idle[slot]
        line.busy.add(slot)
        return Grant(ticket, slot)

    def _refuse(self, ticket: int, why: Why) -> Refuse:
        del self._lines[self._tickets.pop(ticket)].waiting[ticket]
        return Refuse(ticket, why)

    def _evictable(self, key: bytes) -> Sequence[str]:
        return [slot for slot in self._idle if self._keys[slot] != key] if self._evicts else ()

    def _tidy(self, key: bytes) -> None:
        if self._lines[key].is_empty:
            del self._lines[key]
