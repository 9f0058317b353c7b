"""What an owner wants of an entity, as opposed to what is true of it.

1. A goal changes only by an event; the entity then works towards it.
2. `DELETED` is final: no goal follows it.
"""

from events.word import Word


class Goal(Word):
    """The state that an entity strives for."""

    RUNNING = "running"
    KILLED = "killed"
    DELETED = "deleted"
