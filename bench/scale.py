"""How much each row does: enough for figures that mean something, or just enough to see it work.

1. `FULL` is what the table tells of; all rows together take about ten minutes. Rounds are many:
   a machine that is shared is another one from one second to the next. Those with many calls in flight are
   long enough that how they begin and end does not count.
2. `SMALL` says nothing about speed.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Sizes of the rows."""

    rounds: int
    """Times that ours and the peer are compared, in turn."""
    calls: int
    """Calls of a round with many in flight."""
    slow_calls: int
    """Calls of functions of a round with many in flight."""
    calls_alone: int
    """Calls of a round with one in flight."""
    batches: int
    """Appends of 100 events in a round."""
    lives: int
    """Jobs that live and die in a round."""
    entities: int
    """Entities of the journals that are replayed, held in memory and restarted."""
    restarts: int
    watchers: int
    """Watchers that are told of much."""
    idle_watchers: int
    watch_s: float
    """Seconds for which these are told."""
    idle_s: float
    """Seconds for which a server that does nothing is looked at."""
    starts: int
    """Functions that are started in a round."""
    stream_mb: int
    """Megabytes (10^6 bytes) that go through a function, in and out."""


FULL = Scale(
    rounds=11,
    calls=5000,
    slow_calls=1500,
    calls_alone=150,
    batches=50,
    lives=200,
    entities=100_000,
    restarts=5,
    watchers=100,
    idle_watchers=1000,
    watch_s=5.0,
    idle_s=4.0,
    starts=3,
    stream_mb=100,
)

SMALL = Scale(
    rounds=2,
    calls=40,
    slow_calls=40,
    calls_alone=5,
    batches=2,
    lives=4,
    entities=1000,
    restarts=1,
    watchers=4,
    idle_watchers=10,
    watch_s=0.5,
    idle_s=0.5,
    starts=1,
    stream_mb=1,
)
