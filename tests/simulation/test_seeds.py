"""The laws of the whole, for 500 seeds, and for as many more as `SEEDS` says.

A seed that fails prints its story and the one command that runs it again.
"""

import os

import pytest

from protocol.simulation.simulation import STEPS, Result, reproduction, simulate
from protocol.simulation.trouble import ALL

SEEDS = 500
SHARD = 25
SHORT = 1_400
"""Steps of a storm where there is little time; a soak has longer ones."""
SOAKED = int(os.environ.get("SEEDS") or 5_000)
SOAK_SHARD = 500


def fail(result: Result, steps: int) -> None:
    story = "\n".join(result.story.lines())
    again = reproduction(result.seed, steps, ALL)
    pytest.fail(f"{story}\n\nseed {result.seed}: {result.broken}\nagain with: {again}", pytrace=False)


def check(seeds: range, steps: int) -> None:
    for result in simulate(seeds, steps=steps):
        if result.broken is not None:
            fail(result, steps)


@pytest.mark.parametrize("first", range(0, SEEDS, SHARD))
def test_laws_hold(first: int) -> None:
    check(range(first, first + SHARD), SHORT)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(SEEDS, SEEDS + SOAKED, SOAK_SHARD))
def test_laws_hold_for_long(first: int) -> None:
    check(range(first, min(first + SOAK_SHARD, SEEDS + SOAKED)), STEPS)
