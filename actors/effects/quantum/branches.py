"""Runs a programme whose shots part ways: all of them at once, parted into branches.

1. Shots that have measured the same so far share a branch: one state and one memory.
2. Branches at the same step form a group and are advanced together. The group that is furthest behind goes
   first, and groups that meet are joined: loops that end at different times go on together.
3. Amplitudes held at a time are bounded: a group that would grow beyond the bound is parted by shots, and
   one part is parked until nobody waits.
4. Draws are made in the order in which groups advance, which depends on the programme and the seed alone.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from actors.effects.quantum.classical import BranchMemory
from actors.effects.quantum.fusion import FusedState
from actors.effects.quantum.gate_matrices import GateMatrices
from actors.effects.quantum.state_vector import State, collapsed, probabilities_of_one, zero_state
from actors.effects.quantum.steps import Apply, Halt, Jump, JumpIf, Measure, Program, Reset

MAX_AMPLITUDES = 2**21
"""Of one group: 32 MiB."""
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Branches at one step, and the shots that are in them."""

    step: int
    state: State
    memory: BranchMemory
    outcomes: NDArray[np.uint8]
    """Shape (branches, readouts): the last outcome measured into each."""
    shots: Numbers
    """Numbers of the shots, ascending within what was never joined."""
    branches: Numbers
    """The branch of each of these shots."""

    def of_shots(self, chosen: NDArray[np.bool_], step: int) -> "Group":
        """The part with these shots alone, and the branches they need, at a step."""
        used, branches = np.unique(self.branches[chosen], return_inverse=True)
        return Group(
            step=step,
            state=self.state[used],
            memory=self.memory.of_branches(used),
            outcomes=self.outcomes[used],
            shots=self.shots[chosen],
            branches=branches,
        )

    def joined(self, other: "Group") -> "Group":
        """This group and another at the same step."""
        return Group(
            step=self.step,
            state=np.concatenate((self.state, other.state)),
            memory=self.memory.joined(other.memory),
            outcomes=np.concatenate((self.outcomes, other.outcomes)),
            shots=np.concatenate((self.shots, other.shots)),
            branches=np.concatenate((self.branches, other.branches + len(self.state))),
        )


class Branching:
    """One run of a programme.

    Args:
        program: what is run.
        memory: its content before the first step; one branch.
        rng: where all draws come from.
        max_amplitudes: the bound on one group.

    Raises:
        ProgramFailed: when a prepared gate cannot be built.
    """

    def __init__(
        self,
        program: Program,
        memory: BranchMemory,
        rng: np.random.Generator,
        *,
        max_amplitudes: int = MAX_AMPLITUDES,
    ) -> None:
        self._program = program
        self._matrices = GateMatrices(program, memory)
        self._memory = memory
        self._rng = rng
        sizes = [4 ** len(step.targets) for step in program.steps if isinstance(step, Apply)]
        # Of a gate whose argument differs, each branch holds a matrix of its own.
        cells = sum(declaration.length for declaration in program.declarations) + len(program.readouts)
        self._max_branches = max(1, max_amplitudes // max(2 ** len(program.qubits), cells, *sizes, 1))
        self._waiting: list[Group] = []
        self._parked: list[Group] = []

    def run(self, shots: int) -> list[Group]:
        """Run all shots; the groups that ended, in the order of their ends.

        Raises:
            ProgramFailed: when a step has no result.
        """
        self._waiting.append(
            Group(
                step=0,
                state=zero_state(len(self._program.qubits)),
                memory=self._memory.of_branches(np.zeros(1, np.int64)),
                outcomes=np.zeros((1, len(self._program.readouts)), np.uint8),
                shots=np.arange(shots),
                branches=np.zeros(shots, np.int64),
            )
        )
        ended = []
        while self._waiting or self._parked:
            group = self._advance(self._next() if self._waiting else self._parked.pop())
            if group is not None:
                ended.append(group)
        return ended

    def _next(self) -> Group:
        """The group that is furthest behind, joined with those at the same step."""
        step = min(group.step for group in self._waiting)
        group, *others = [it for it in self._waiting if it.step == step]
        self._waiting = [it for it in self._waiting if it.step != step]
        for other in others:
            if len(group.state) + len(other.state) <= self._max_branches:
                group = group.joined(other)
            else:
                self._waiting.append(other)
        return group

    def _advance(self, group: Group) -> Group | None:
        """Go on until the group ends, which answers it, or parts or lets others go first."""
        steps = self._program.steps
        at = group.step
        fused = FusedState(group.state)
        while at < len(steps):
            match steps[at]:
                case Apply() as apply:
                    for which, alternative in enumerate(apply.alternatives):
                        matrices = self._matrices.of(at, which, apply, group.memory)
                        fused.apply(matrices, apply.targets, alternative.conditions)
                case Measure() | Reset() as step:
                    group = replace(group, state=fused.state)
                    if isinstance(step, Reset) and step.position is None:
                        state = zero_state(len(self._program.qubits), len(group.state))
                        group = replace(group, state=state)
                    else:
                        group = self._drawn(replace(group, step=at), step)
                    fused = FusedState(group.state)
                case Jump(target):
                    at = target
                    continue
                case JumpIf(target, condition, wanted):
                    jumps = (group.memory.column(condition) == int(wanted))[group.branches]
                    if not jumps.all() and jumps.any():
                        group = replace(group, state=fused.state)
                        self._waiting += [group.of_shots(jumps, target), group.of_shots(~jumps, at + 1)]
                        return None
                    at = target if jumps.all() else at + 1
                    if self._waiting:  # somebody may be further behind, or come to join
                        self._waiting.append(replace(group, state=fused.state, step=at))
                        return None
                    continue
                case Halt():
                    break
                case classical:
                    group.memory.run(classical)
            at += 1
        return group

    def _drawn(self, group: Group, step: Measure | Reset) -> Group:
        """Measure a qubit in all branches; of a group that would grow too large, in a part of its shots."""
        position = step.position
        assert position is not None  # noqa: S101 a reset of all needs no draw
        while True:
            ones = probabilities_of_one(group.state, position)[group.branches]
            bits = (self._rng.random(len(group.shots)) < ones).astype(np.int64)
            keys, branches = np.unique(group.branches * 2 + bits, return_inverse=True)
            if len(keys) <= max(self._max_branches, len(group.state)):
                break
            # The other part is not among those that wait: it would be joined with this one again.
            first = np.arange(len(group.shots)) < len(group.shots) // 2
            self._parked.append(group.of_shots(~first, group.step))
            group = group.of_shots(first, group.step)
        parents, outcomes = keys >> 1, keys & 1
        memory, noted = group.memory.of_branches(parents), group.outcomes[parents]
        if isinstance(step, Measure) and step.target is not None:
            memory.write(step.target, outcomes)
            noted[:, step.readout] = outcomes
        state = collapsed(group.state[parents], position, outcomes, to_zero=isinstance(step, Reset))
        return replace(group, state=state, memory=memory, outcomes=noted, branches=branches)
