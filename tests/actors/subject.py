"""One entity under test, without a kernel: it decides, and what it decided becomes true.

1. Every command checks the laws: the fold of the events is the live state, each edge taken is in
   the table, a rejection changes nothing, and `decide` answers the same question the same way.
2. `explore` walks all short stories of an entity, so that edges never taken can be named.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from actors.kernel.decider import Context, Decision, Entity, Outcome, Rejection, Send

S = TypeVar("S")
Edge = tuple[Any, str, Any]
Table = Mapping[Any, Mapping[Any, Sequence[Any]]]  # each entity has its own phases


def context(now: int = 1_000_000) -> Context:
    return Context(now=now, new_id=lambda: "id")


@dataclass
class Subject(Generic[S]):
    """An entity with its story so far."""

    entity: Entity[S]
    stream: str
    phase_of: Callable[[S], object]
    table: Table
    steady: frozenset[type]
    state: S | None = None
    events: list[object] = field(default_factory=list)
    effects: list[object] = field(default_factory=list)
    edges: set[Edge] = field(default_factory=set)

    def apply(self, events: Iterable[object]) -> None:
        """Let events be true, however they were decided."""
        for event in events:
            before = None if self.state is None else self.phase_of(self.state)
            self.state = self.entity.evolve(self.state, self.stream, event)
            after = self.phase_of(self.state)
            if type(event) in self.steady:
                assert before == after
            elif before != after or type(event) in self.table[before]:
                assert after in self.table[before].get(type(event), ()), (before, event, after)
                self.edges.add((before, type(event).__name__, after))
            self.events.append(event)
            effects = self.entity.react(self.state, event)
            if any(isinstance(effect, Send) for effect in effects) and self.entity.senders is not None:
                assert type(event) in self.entity.senders
            self.effects.extend(effects)

    def ask(self, command: object, *, now: int = 1_000_000) -> Outcome:
        outcome = self.entity.decide(self.state, command, context(now))
        assert outcome == self.entity.decide(self.state, command, context(now))
        if isinstance(outcome, Decision):
            self._check_states(outcome)
            self.apply(outcome.events)
        return outcome

    def _check_states(self, decision: Decision) -> None:
        """States that a decision hands on are those that its events lead to."""
        state = self.state
        for event, handed in zip(decision.events, decision.states, strict=bool(decision.states)):
            state = self.entity.evolve(state, self.stream, event)
            assert handed == state

    def decided(self, command: object, *, now: int = 1_000_000) -> Decision:
        outcome = self.ask(command, now=now)
        assert isinstance(outcome, Decision), outcome
        return outcome

    def refused(self, command: object) -> Rejection:
        before, count = self.state, len(self.events)
        outcome = self.ask(command)
        assert isinstance(outcome, Rejection), outcome
        assert (self.state, len(self.events)) == (before, count)
        return outcome

    def check_fold(self) -> None:
        state: S | None = None
        for event in self.events:
            state = self.entity.evolve(state, self.stream, event)
        assert state == self.state


def edges_in(table: Table) -> set[Edge]:
    return {
        (before, event.__name__, after)
        for before, events in table.items()
        for event, afters in events.items()
        for after in afters
    }


def explore(
    start: Subject[S],
    commands: Callable[[S | None], Iterable[object]],
    look: Callable[[S | None], Hashable],
    *,
    limit: int,
) -> set[Edge]:
    """Return the edges of all stories; states that look alike are visited once, at most `limit`."""
    seen, edges = {look(start.state)}, set(start.edges)
    waiting = deque([start.state])
    while waiting and len(seen) < limit:
        state = waiting.popleft()
        for command in commands(state):
            here = Subject(start.entity, start.stream, start.phase_of, start.table, start.steady, state)
            here.ask(command)
            edges |= here.edges
            if look(here.state) not in seen:
                seen.add(look(here.state))
                waiting.append(here.state)
    return edges
