"""Slots and those who wait for them, in any order, beside a model of the one host that there is."""

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from actors.effects.rooms import Fits, Full, TooLarge, Verdict
from actors.effects.slots.book import Action, Book, Grant, Idle, Refuse, Retire, Start, Why

SIZES = {b"a": 1, b"b": 1, b"c": 2, b"huge": 5}
ROOM = 4


class BookMachine(RuleBasedStateMachine):
    """Whatever happens, the laws of the book hold."""

    tickets: Bundle[int] = Bundle("tickets")

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.started: dict[str, bytes] = {}
        self.leaving: set[str] = set()
        self.up: set[str] = set()
        self.busy: dict[str, int] = {}
        self.waiting: dict[int, bytes] = {}
        self.idle: list[tuple[str, int]] = []
        """Slots that are idle, in the order in which they became so."""
        self.answered: set[int] = set()
        self.is_patient = True
        self.is_closed = False
        self.promised: list[bytes] = []
        """Starts that the judge said yes to, in this step, and that are still to come."""

    @initialize(is_patient=st.booleans(), evicts=st.booleans())
    def begin(self, *, is_patient: bool, evicts: bool) -> None:
        self.is_patient = is_patient
        self.evicts = evicts
        self.book = Book(new_slot=self.name, judge=self.judge, is_patient=is_patient, evicts=evicts)

    def name(self) -> str:
        self.count += 1
        return f"slot-{self.count}"

    def used(self) -> int:
        return sum(SIZES[self.started[slot]] for slot in self.started)

    def judge(self, key: bytes, evictable: Sequence[str]) -> Verdict:
        assert not evictable or self.evicts
        if SIZES[key] > ROOM:
            return TooLarge()
        free = ROOM - sum(SIZES[key] for slot, key in self.started.items() if slot not in self.leaving)
        free -= sum(SIZES[each] for each in self.promised)
        chosen = []
        for slot in evictable:
            if free >= SIZES[key]:
                break
            assert self.started[slot] != key
            free += SIZES[self.started[slot]]
            chosen.append(slot)
        if free < SIZES[key]:
            return Full()
        self.leaving.update(chosen)
        self.promised.append(key)
        return Fits(tuple(chosen))

    def play(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Grant(ticket, slot):
                    key = self.waiting.pop(ticket)
                    assert self.started[slot] == key
                    assert slot in self.up
                    assert slot not in self.busy
                    alike = [each for each, _ in self.idle if self.started[each] == key]
                    assert alike[-1] == slot, "the last idle is the first used"
                    assert ticket == min(t for t, k in [*self.waiting.items(), (ticket, key)] if k == key)
                    self.idle = [each for each in self.idle if each[0] != slot]
                    self.busy[slot] = ticket
                case Refuse(ticket, why):
                    key = self.waiting.pop(ticket)
                    assert why is not Why.NO_ROOM or not self.is_patient
                    assert (why is Why.TOO_LARGE) == (SIZES[key] > ROOM and why is not Why.CLOSED)
                case Start(slot, key):
                    assert not self.is_closed
                    assert any(each == key for each in self.waiting.values())
                    assert not any(self.started[each] == key for each, _ in self.idle)
                    self.started[slot] = key
                    self.promised.remove(key)
                case Retire(slot, _):
                    assert slot not in self.busy
                    self.idle = [each for each in self.idle if each[0] != slot]
                    self.up.discard(slot)
                    self.leaving.add(slot)
                case Idle(slot, stamp):
                    self.idle = [(each, stamp if each == slot else old) for each, old in self.idle]
        assert not self.promised

    @rule(target=tickets, key=st.sampled_from(sorted(SIZES)))
    def ask(self, key: bytes) -> int:
        self.count += 1
        self.waiting[self.count] = key
        ticket = self.count
        self.promised = []
        self.play(self.book.ask(key, ticket))
        assert not self.is_closed or ticket not in self.waiting
        return ticket

    @rule(ticket=tickets)
    def abandon(self, ticket: int) -> None:
        self.waiting.pop(ticket, None)
        self.book.abandon(ticket)

    def pick(self, choice: int, slots: Sequence[str]) -> str:
        return sorted(slots)[choice % len(slots)] if slots else ""

    @rule(choice=st.integers(0, 9))
    def come_up(self, choice: int) -> None:
        coming = [slot for slot in self.started if slot not in self.up and slot not in self.leaving]
        if slot := self.pick(choice, coming):
            self.up.add(slot)
            self.idle.append((slot, 0))
            self.promised = []
            self.play(self.book.ready(slot))

    @rule(choice=st.integers(0, 9))
    def finish(self, choice: int) -> None:
        if slot := self.pick(choice, list(self.busy)):
            del self.busy[slot]
            self.idle.append((slot, 0))
            self.promised = []
            self.play(self.book.free(slot))

    @rule(choice=st.integers(0, 9))
    def die(self, choice: int) -> None:
        """A slot ends by itself, whatever it is about."""
        if slot := self.pick(choice, [slot for slot in self.started if slot not in self.leaving]):
            self.busy.pop(slot, None)
            self.up.discard(slot)
            self.idle = [each for each in self.idle if each[0] != slot]
            del self.started[slot]
            self.promised = []
            self.play(self.book.gone(slot))

    @rule(choice=st.integers(0, 9))
    def leave(self, choice: int) -> None:
        """What was made to end has ended."""
        if slot := self.pick(choice, sorted(self.leaving)):
            self.leaving.discard(slot)
            del self.started[slot]
            self.promised = []
            self.play(self.book.look_again())

    @rule(choice=st.integers(0, 9), is_stale=st.booleans())
    def expire(self, choice: int, *, is_stale: bool) -> None:
        if slot := self.pick(choice, [slot for slot, _ in self.idle]):
            stamp = dict(self.idle)[slot]
            actions = self.book.expire(slot, stamp - 1 if is_stale else stamp)
            assert bool(actions) is not is_stale
            self.play(actions)

    @rule()
    def close(self) -> None:
        self.is_closed = True
        self.play(self.book.close())
        assert not self.waiting

    @invariant()
    def nothing_is_too_much(self) -> None:
        held = sum(SIZES[key] for slot, key in self.started.items() if slot not in self.leaving)
        assert held <= ROOM
        assert self.count == 0 or self.book.waiting == len(self.waiting)
        assert self.count == 0 or self.book.slots == len(self.started.keys() - self.leaving)

    @invariant()
    def nobody_waits_beside_an_idle_slot(self) -> None:
        waited_for = set(self.waiting.values())
        assert not any(self.started[slot] in waited_for for slot, _ in self.idle)
