"""Joins gates before they reach the state: a few small products for one large.

1. At most one block waits for a qubit, a block has one or two qubits, and no two blocks share one: so
   blocks commute, and in whatever order they are flushed the state is the same.
2. `state` answers the state with everything applied.
"""

from collections.abc import Sequence

import numpy as np

from actors.effects.quantum.gates import Matrices
from actors.effects.quantum.state_vector import State, apply, reordered

_PAIR = 2


class FusedState:
    """A state to which gates are applied late."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._blocks: dict[int, tuple[tuple[int, ...], Matrices]] = {}

    @property
    def state(self) -> State:
        """The state, all gates applied."""
        while self._blocks:
            self._flush(next(iter(self._blocks)))
        return self._state

    def apply(
        self, matrices: Matrices, targets: Sequence[int], conditions: Sequence[tuple[int, int]] = ()
    ) -> None:
        """Apply a gate, now or later: as `state_vector.apply`."""
        if conditions and len(conditions) + len(targets) <= _PAIR:
            matrices, targets = _with_conditions(matrices, conditions), (conditions[0][0], *targets)
        elif conditions or len(targets) > _PAIR:
            for position in (*targets, *(position for position, _ in conditions)):
                self._flush(position)
            self._state = apply(self._state, matrices, targets, conditions)
            return
        if len(targets) == 1:
            self._join_one(matrices, targets[0])
        else:
            self._join_pair(matrices, (targets[0], targets[1]))

    def _join_one(self, matrices: Matrices, target: int) -> None:
        waiting = self._blocks.get(target)
        if waiting is None:
            self._blocks[target] = (target,), matrices
            return
        targets, block = waiting
        if len(targets) == _PAIR:
            matrices = _beside(matrices, is_first=targets[0] == target)
        self._put(targets, matrices @ block)

    def _join_pair(self, matrices: Matrices, targets: tuple[int, int]) -> None:
        waiting = self._blocks.get(targets[0])
        if waiting is not None and set(waiting[0]) == set(targets):
            if waiting[0] != targets:
                matrices = reordered(matrices, targets, waiting[0])
            self._put(waiting[0], matrices @ waiting[1])
            return
        for place, target in enumerate(targets):
            before = self._blocks.get(target)
            if before is not None and len(before[0]) == 1:
                matrices = matrices @ _beside(before[1], is_first=place == 0)
                del self._blocks[target]
            else:
                self._flush(target)
        self._put(targets, matrices)

    def _put(self, targets: tuple[int, ...], matrices: Matrices) -> None:
        for target in targets:
            self._blocks[target] = targets, matrices

    def _flush(self, position: int) -> None:
        if (waiting := self._blocks.get(position)) is not None:
            targets, matrices = waiting
            for target in targets:
                del self._blocks[target]
            self._state = apply(self._state, matrices, targets)


def _beside(matrices: Matrices, *, is_first: bool) -> Matrices:
    """The matrices on one qubit of a pair, the other left alone."""
    pair = np.zeros((len(matrices), 2, 2, 2, 2), np.complex128)
    if is_first:
        pair[:, :, 0, :, 0] = pair[:, :, 1, :, 1] = matrices
    else:
        pair[:, 0, :, 0, :] = pair[:, 1, :, 1, :] = matrices
    return pair.reshape(-1, 4, 4)


def _with_conditions(matrices: Matrices, conditions: Sequence[tuple[int, int]]) -> Matrices:
    """The matrices on a pair whose first qubit is the one condition's."""
    ((_, bit),) = conditions
    pair = np.zeros((len(matrices), 2, 2, 2, 2), np.complex128)
    pair[:, bit, :, bit, :] = matrices
    pair[:, 1 - bit, :, 1 - bit, :] = np.eye(2)
    return pair.reshape(-1, 4, 4)
