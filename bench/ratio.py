"""Ratios of two things that are done in turn, because absolute times mean nothing on shared machines.

1. A round does ours, then the peer's; the next round the other way about. One ratio a round.
2. What is reported is the median of the ratios, and the lowest and highest of them.
3. A warm-up round of each is done and not counted.
"""

import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One row of the table, as it is to be reached."""

    name: str
    at_least: float
    goal: float
    lower_is_better: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table, as measured."""

    measure: Measure
    ratio: float
    low: float
    high: float

    def as_row(self) -> dict[str, Any]:
        """The form in which `results.json` keeps it."""
        return {
            "name": self.measure.name,
            "ratio": round(self.ratio, 3),
            "low": round(self.low, 3),
            "high": round(self.high, 3),
            "at_least": self.measure.at_least,
            "goal": self.measure.goal,
            "lower_is_better": self.measure.lower_is_better,
        }

    @property
    def is_reached(self) -> bool:
        """True when the row holds what it must."""
        if self.measure.lower_is_better:
            return self.ratio <= self.measure.at_least
        return self.ratio >= self.measure.at_least


def side_by_side(
    measure: Measure, ours: Callable[[], float], peer: Callable[[], float], *, rounds: int = 7
) -> Result:
    """Measure two rates (or two costs) in turn; each callable answers one figure a call."""
    ours()
    peer()
    ratios = []
    for turn in range(rounds):
        if turn % 2:
            theirs = peer()
            mine = ours()
        else:
            mine = ours()
            theirs = peer()
        ratios.append(mine / theirs)
        told = f"{mine:.6g} / {theirs:.6g} = {ratios[-1]:.3f}"
        tell(measure, turn, told)
    return of_rounds(measure, ratios)


def of_rounds(measure: Measure, ratios: Sequence[float]) -> Result:
    """Return what so many rounds have come to."""
    return Result(measure, statistics.median(ratios), min(ratios), max(ratios))


def tell(measure: Measure, turn: int, told: str) -> None:
    """Say what a round has come to."""
    print(f"  {measure.name}: round {turn + 1}: {told}", file=sys.stderr)
