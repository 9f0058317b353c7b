"""The words that deciders speak: what they are given, and what they answer.

1. Everything here is data or a pure function's type; a decider needs nothing else of the kernel.
2. `decide` answers a Decision or a Rejection and never raises; a raise is a bug.
3. A decision without events is an accepted no-op.
4. `evolve` is total: it accepts every event ever stored for its entity.
5. `react` and `outstanding` name effects as data; the kernel runs them after the commit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from events.frozen import frozen


class Code(StrEnum):
    """Kinds of refusal. Only a façade knows what they are called on its wire."""

    INVALID = "invalid"
    """The request is malformed, whatever the state."""
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    STALE_VERSION = "stale_version"
    """The caller named a version that is not the current one."""
    WRONG_STATE = "wrong_state"
    """The entity's state does not allow it now."""
    BEING_DELETED = "being_deleted"
    EXHAUSTED = "exhausted"
    """A bound of the server is reached; later it may go."""
    UNAVAILABLE = "unavailable"
    """Nothing was stored; the caller may try again."""
    FORBIDDEN = "forbidden"
    UNSUPPORTED = "unsupported"
    """Asks for what this server does not do."""
    OUT_OF_RANGE = "out_of_range"
    """A revision that is no longer, or not yet, readable."""


@frozen(kw_only=False)
class Rejection:
    """A refusal, as data."""

    code: Code
    reason: str
    """One sentence that names the field and the rule."""
    field: str = ""
    """Path of the offending field in the caller's terms, empty for none."""
    details: tuple[tuple[str, str], ...] = ()
    """Machine-readable facts, such as `resume_revision`."""


@frozen
class Context:
    """What the core may not fetch."""

    now: int
    """Microseconds since the epoch, UTC."""
    new_id: Callable[[], str]
    """A fresh random id, ordered by time; seeded in simulations."""
    principal: str = "system"
    origin: str = ""
    cause: int = 0
    """Revision of the event that led to the command, 0 for none."""


@frozen(kw_only=False)
class Opening:
    """A new stream with its first events."""

    stream: str
    events: tuple[object, ...]
    after: int = 0
    """Version of the last event that the stream already has; 0 for a stream never used before."""


@frozen
class Decision:
    """What is to become true."""

    events: tuple[object, ...] = ()
    opens: tuple[Opening, ...] = ()
    result: object = None
    """The answer as data: an instance of a class that the codec knows, or None."""
    states: tuple[object, ...] = ()
    """The state after each of the events, when deciding has folded them anyway; the shell then need not."""

    def __eq__(self, other: object) -> bool:
        """Tell whether the same is to become true; `states` only say how it was worked out."""
        if not isinstance(other, Decision):
            return False
        return (self.events, self.opens, self.result) == (other.events, other.opens, other.result)

    def __ne__(self, other: object) -> bool:  # a struct would compare all fields here
        return not self == other

    def __hash__(self) -> int:
        return hash((self.events, self.opens))


Outcome = Decision | Rejection


@frozen(kw_only=False)
class Send:
    """An effect of the kernel's own: a command to another entity, delivered at least once."""

    to: str
    """Stream of the receiver."""
    command: object


@frozen(kw_only=False)
class ArmTimer:
    """An effect of the kernel's own: a command to the entity itself at a time.

    Arming a key again replaces what was armed under it.
    """

    key: str
    """Unique within the entity."""
    due_at: int
    """Microseconds since the epoch, UTC."""
    command: object


S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)


class Decide(Protocol[S_contra]):
    """Form of `decide`. The state is None while the stream has no events."""

    def __call__(self, state: S_contra | None, command: object, context: Context, /) -> Outcome:
        """Say whether the command may happen, and what is then true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity(Generic[S]):
    """One kind of actor, as the kernel is told of it."""

    name: str
    """First part of its stream ids."""
    decide: Decide[S]
    evolve: Callable[[S | None, str, object], S]
    """State after an event; the second argument is the stream id."""
    react: Callable[[S, object], Sequence[object]]
    """Effects that an event asks for; the state is the one after the event."""
    outstanding: Callable[[S], Sequence[object]]
    """Effects, other than Send, that may still have to be done."""
    is_finished: Callable[[S], bool] = field(default=lambda _: False)
    """True when nothing more will happen by itself: the first to leave memory."""
    senders: frozenset[type] | None = None
    """Classes of the events that may ask for a Send, None for any: a start keeps fewer of the others."""
    snapshot_schema: int = 0
    """Number of the state's form, raised when it changes; 0 for no snapshots. The codec knows the class."""
