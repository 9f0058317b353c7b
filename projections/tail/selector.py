"""Which events a tail is told of.

1. A selector is data; what is empty in it excludes nothing.
2. Labels are those of the entity after the event; an entity without a view has none.
"""

from dataclasses import dataclass

from events.record import Recorded, entity_of


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSelector:
    """Events that pass all of it."""

    kinds: frozenset[str] = frozenset()
    """First parts of streams."""
    streams: frozenset[str] = frozenset()
    labels: tuple[tuple[str, str], ...] = ()
    """All must be among the entity's."""
    origins: frozenset[str] = frozenset()
    """Origins of requests, as in the envelope."""

    @property
    def is_everything(self) -> bool:
        """True when nothing is excluded."""
        return not (self.kinds or self.streams or self.labels or self.origins)


def may_match(selector: EventSelector, recorded: Recorded) -> bool:
    """Return whether an event is selected as far as can be told without its entity's labels."""
    return (
        (not selector.origins or recorded.envelope.origin in selector.origins)
        and (not selector.streams or recorded.stream in selector.streams)
        and (not selector.kinds or entity_of(recorded.stream) in selector.kinds)
    )
