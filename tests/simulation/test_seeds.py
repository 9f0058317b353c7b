"""The laws of the whole, for 500 seeds, and for as many more as `SEEDS` says.

A seed that fails prints its story and the one command that runs it again.
"""

import os

import pytest

from protocol.simulation.simulation import STEPS, Result, reproduction, simulate
from protocol.simulation.trouble import ALL

SEEDS = 500
SHARD = 25
SOAKED = int(os.environ.get("SEEDS") or 5_000)
SOAK_SHARD = 500


def fail(result: Result) -> None:
    story = "\n".join(result.story.lines())
    again = reproduction(result.seed, STEPS, ALL)
    pytest.fail(f"{story}\n\nseed {result.seed}: {result.broken}\nagain with: {again}", pytrace=False)


def check(seeds: range) -> None:
    for result in simulate(seeds):
        if result.broken is not None:
            fail(result)


@pytest.mark.parametrize("first", range(0, SEEDS, SHARD))
def test_laws_hold(first: int) -> None:
    check(range(first, first + SHARD))


@pytest.mark.soak
@pytest.mark.parametrize("first", range(SEEDS, SEEDS + SOAKED, SOAK_SHARD))
def test_laws_hold_for_long(first: int) -> None:
    check(range(first, min(first + SOAK_SHARD, SEEDS + SOAKED)))
