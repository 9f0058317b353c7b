"""State vectors of many branches at once, and what gates and measurements do to them.

1. A state has shape (branches, 2**qubits), complex128; position p of a qubit is bit p of the second index.
2. Matrices have shape (n, d, d), n = 1 for all branches alike or n = branches; the first of a gate's
   positions belongs to the most significant bit of the matrix's index.
3. Nothing is changed in place: a state may be shared.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from actors.effects.quantum.gates import Matrices

State = NDArray[np.complex128]

_SMALL = 4
"""Below this length of the innermost axis a matrix product of its own costs more than a wider matrix."""


def zero_state(qubits: int, branches: int = 1) -> State:
    """The state in which every qubit is 0."""
    state = np.zeros((branches, 1 << qubits), np.complex128)
    state[:, 0] = 1
    return state


def apply(
    state: State,
    matrices: Matrices,
    targets: Sequence[int],
    conditions: Sequence[tuple[int, int]] = (),
) -> State:
    """Apply matrices to the target positions, where the positions of the conditions have their bits."""
    if conditions:
        return _apply_where(state, matrices, targets, conditions)
    ordered = sorted(targets, reverse=True)
    if ordered[0] - ordered[-1] == len(ordered) - 1:
        if ordered != list(targets):
            matrices = reordered(matrices, targets, ordered)
        return _apply_adjacent(state, matrices, ordered[-1])
    qubits = state.shape[1].bit_length() - 1
    axes = [qubits - position for position in targets]
    return _apply_axes(state.reshape(len(state), *[2] * qubits), matrices, axes).reshape(state.shape)


def reordered(matrices: Matrices, before: Sequence[int], after: Sequence[int]) -> Matrices:
    """The matrices of the same gate when its positions are given in another order."""
    count, size = len(before), matrices.shape[1]
    axes = [before.index(position) for position in after]
    cut = matrices.reshape(-1, *[2] * (2 * count))
    turned = cut.transpose(0, *(1 + axis for axis in axes), *(1 + count + axis for axis in axes))
    return turned.reshape(-1, size, size)


def _apply_adjacent(state: State, matrices: Matrices, lowest: int) -> State:
    """Apply to positions that follow one another downwards to the lowest."""
    inner, size = 1 << lowest, matrices.shape[1]
    if inner <= _SMALL:
        matrices = np.einsum("nij,kl->nikjl", matrices, np.eye(inner)).reshape(-1, size * inner, size * inner)
        inner, size = 1, size * inner
    # The dense product of one matrix with many rows, not many products of small ones, wherever it can be.
    applied: State
    if inner == 1 and len(matrices) == 1:
        applied = state.reshape(-1, size) @ matrices[0].T
    elif inner == 1:
        applied = state.reshape(len(state), -1, size) @ matrices.swapaxes(1, 2)
    elif len(matrices) == 1:
        applied = np.matmul(matrices[0], state.reshape(-1, size, inner))
    else:
        applied = np.matmul(matrices[:, None], state.reshape(len(state), -1, size, inner))
    return applied.reshape(state.shape)


def _apply_axes(tensor: State, matrices: Matrices, axes: Sequence[int]) -> State:
    """Apply to some axes of a tensor whose first axis is that of the branches."""
    front = range(1, len(axes) + 1)
    moved = np.moveaxis(tensor, axes, front)
    applied = np.matmul(matrices, moved.reshape(len(tensor), matrices.shape[1], -1))
    return np.moveaxis(applied.reshape(moved.shape), front, axes)


def _apply_where(
    state: State, matrices: Matrices, targets: Sequence[int], conditions: Sequence[tuple[int, int]]
) -> State:
    qubits = state.shape[1].bit_length() - 1
    changed = state.copy()
    tensor = changed.reshape(len(state), *[2] * qubits)
    at: list[slice | int] = [slice(None)] * (qubits + 1)
    for position, bit in conditions:
        at[qubits - position] = bit
    free = [axis for axis, chosen in enumerate(at) if not isinstance(chosen, int)]
    part = tensor[tuple(at)]
    part[...] = _apply_axes(part, matrices, [free.index(qubits - position) for position in targets])
    return changed


def probabilities_of_one(state: State, position: int) -> NDArray[np.float64]:
    """The probability, for each branch, that measuring a qubit gives 1; exactly 0 or 1 when nearly so."""
    halves = _halves(state, position)
    weights = np.einsum("bihj,bihj->bh", halves.real, halves.real)
    weights += np.einsum("bihj,bihj->bh", halves.imag, halves.imag)
    ones: NDArray[np.float64] = weights[:, 1] / weights.sum(axis=1)
    ones[ones < _NEARLY] = 0
    ones[ones > 1 - _NEARLY] = 1
    return ones


_NEARLY = 1e-12


def collapsed(state: State, position: int, bits: NDArray[np.int64], *, to_zero: bool = False) -> State:
    """The states after each branch's qubit was measured as its bit; with `to_zero`, then put to 0."""
    halves = _halves(state, position)
    kept = halves[np.arange(len(state)), :, bits]
    norms = np.sqrt(np.einsum("bij,bij->b", kept, kept.conj()).real)
    result = np.zeros_like(state)
    places = np.zeros_like(bits) if to_zero else bits
    _halves(result, position)[np.arange(len(state)), :, places] = kept / norms[:, None, None]
    return result


def _halves(state: State, position: int) -> State:
    """A view in which the qubit has an axis of its own: (branches, above, 2, below)."""
    return state.reshape(len(state), -1, 2, 1 << position)
