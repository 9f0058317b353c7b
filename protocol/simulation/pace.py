"""How long things take: mostly no time, now and then a while, by chance.

1. Chance is asked once for what is done at once, twice for what takes a while, never in a calm: the
   stories of seeds rest on it.
"""

from collections.abc import Callable
from contextvars import Context
from random import Random

from protocol.simulation.loop import SimulatedLoop


class Pace:
    """How long the steps of one kind take.

    Args:
        loop: Of everything.
        chance: Decides.
        at_once: Share of the steps that take no time.
        slowest: Seconds that the slowest step takes.
        power: How rare slow steps are: 1 makes all times equally likely, more makes most of them short.
    """

    def __init__(
        self, loop: SimulatedLoop, chance: Random, *, at_once: float, slowest: float, power: int
    ) -> None:
        self.loop = loop
        self._chance = chance
        self._at_once = at_once
        self._slowest = slowest
        self._power = power
        self.is_calm = False
        """True when nothing takes any time."""

    def soon(self, call: Callable[[], None], place: Context) -> None:
        """Call at once, or after a while."""
        if self.is_calm or self._chance.random() < self._at_once:
            self.loop.call_soon(call, context=place)
        else:
            self.loop.call_later(self._chance.random() ** self._power * self._slowest, call, context=place)


def step_pace(loop: SimulatedLoop, chance: Random) -> Pace:
    """Return the pace of what a server does beside its loop."""
    return Pace(loop, chance, at_once=0.8, slowest=0.5, power=6)
