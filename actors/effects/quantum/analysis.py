"""What can be said of a programme before it runs.

1. To say "not sampled" of a programme that could be costs time; the other way about it would be wrong.
"""

from collections.abc import Sequence
from typing import assert_never

from actors.effects.quantum.steps import (
    Apply,
    Calculate,
    Compare,
    Convert,
    Exchange,
    Halt,
    Jump,
    JumpIf,
    Load,
    Measure,
    Move,
    Negate,
    Not,
    Reset,
    Step,
    Store,
)


def regions_written(steps: Sequence[Step]) -> frozenset[str]:
    """Answer the regions that some step writes."""
    written: set[str] = set()
    for step in steps:
        match step:
            case Apply() | Reset() | Jump() | JumpIf() | Halt() | Measure(target=None):
                pass
            case Measure(target=target) if target is not None:
                written.add(target.region)
            case Move(destination) | Convert(destination) | Load(destination):
                written.add(destination.region)
            case Calculate(destination=destination) | Compare(destination=destination):
                written.add(destination.region)
            case Exchange(left, right):
                written |= {left.region, right.region}
            case Store(region=region):
                written.add(region)
            case Negate(operand) | Not(operand):
                written.add(operand.region)
            case Measure():
                raise AssertionError
            case _:
                assert_never(step)
    return frozenset(written)


def is_sampled(steps: Sequence[Step], written: frozenset[str]) -> bool:
    """True when all shots can be drawn from one evolution of the state."""
    measured: set[int] = set()
    for step in steps:
        match step:
            case Jump() | JumpIf():
                return False
            case Halt():
                return True
            case Measure(position=position):
                measured.add(position)
            case Reset(position=None):
                if measured:
                    return False
            case Reset():
                return False
            case Apply() if not measured.isdisjoint(_touched(step)):
                return False
            case Apply() if any(not it.regions.isdisjoint(written) for it in step.alternatives):
                return False
            case _:
                pass
    return True


def _touched(apply: Apply) -> set[int]:
    conditions = (condition for it in apply.alternatives for condition in it.conditions)
    return {*apply.targets, *(position for position, _ in conditions)}
