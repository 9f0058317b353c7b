"""Matrices of any gate a programme may use, standard or defined by it, checked to be unitary.

1. Arguments and matrices have the shapes that `gates` gives them.
2. A definition is trusted only as far as its matrix is unitary, to what text with five digits can say.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import assert_never

import numpy as np

from actors.effects.quantum.expressions import Values, evaluate
from actors.effects.quantum.gates import STANDARD, Angles, Matrices
from actors.effects.quantum.memory import Cell
from actors.effects.quantum.steps import GateDefinition, Matrix, PauliSum, Permutation

_TOLERANCE = 1e-5


class NotUnitaryError(ValueError):
    """A gate's matrix is not unitary; the text says which gate's."""


def matrices_of(
    name: str, definitions: Mapping[str, GateDefinition], arguments: Sequence[Angles]
) -> Matrices:
    """Answer a gate's matrices.

    Args:
        name: of a gate that is standard or defined; a definition comes first.
        definitions: the programme's, by name.
        arguments: one array of shape (n,) for each parameter.

    Returns:
        Shape (n, d, d); (1, d, d) for a gate without parameters. Not to be changed.

    Raises:
        NotUnitaryError: when the definition gives no unitary matrix for some of the arguments.
    """
    definition = definitions.get(name)
    if definition is None:
        return STANDARD[name].matrices(arguments)
    matrices = _defined(definition, dict(zip(definition.parameters, map(_values, arguments), strict=True)))
    identity = np.eye(matrices.shape[1])
    with np.errstate(all="ignore"):
        products = matrices @ matrices.conj().swapaxes(1, 2)
        error = np.abs(products - identity).max(initial=0)
    if not error <= _TOLERANCE:  # not: NaN is no unitary either
        raise NotUnitaryError(f"the matrix of {name} is not unitary")
    return matrices


def _defined(definition: GateDefinition, variables: Mapping[str, Values]) -> Matrices:
    size = 2**definition.qubits
    count = max((len(values) for values in variables.values()), default=1)
    match definition.body:
        case Matrix(rows):
            matrices = np.empty((count, size, size), np.complex128)
            for row, entries in enumerate(rows):
                for column, entry in enumerate(entries):
                    matrices[:, row, column] = evaluate(entry, _no_memory, variables)
            return matrices
        case Permutation(images):
            permuted = np.zeros((1, size, size), np.complex128)
            permuted[0, range(size), list(images)] = 1  # row i takes its amplitude from the i-th number
            return permuted
        case PauliSum(terms):
            energy = np.zeros((count, size, size), np.complex128)
            for word, factor in terms:
                product = reduce(np.kron, (STANDARD[letter].matrices(())[0] for letter in word))
                energy += evaluate(factor, _no_memory, variables)[:, None, None] * product
            return _evolution(definition.name, energy)
        case _:
            assert_never(definition.body)


def _evolution(name: str, energy: Matrices) -> Matrices:
    """exp(-i H) of a Hermitian H."""
    if not np.isfinite(energy).all() or not np.allclose(energy, energy.conj().swapaxes(1, 2)):
        raise NotUnitaryError(f"a factor of {name} is not a real number")
    levels, vectors = np.linalg.eigh(energy)
    evolved: Matrices = (vectors * np.exp(-1j * levels)[:, None, :]) @ vectors.conj().swapaxes(1, 2)
    return evolved


def _values(angles: Angles) -> Values:
    return angles.astype(np.complex128)


def _no_memory(cell: Cell) -> Values:
    raise AssertionError(f"a definition reads {cell}")
