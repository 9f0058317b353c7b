"""The standard gates: how many parameters and qubits each takes, and its matrices.

1. A gate's first qubit belongs to the most significant bit of the matrix's index.
2. Matrices are built for many arguments at once: arguments of shape (n,) give matrices of shape (n, d, d);
   a gate without parameters gives one.
3. Angles are radians. Conventions are those of the Quil specification.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Angles = NDArray[np.float64]
Matrices = NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class StandardGate:
    """One gate that needs no definition."""

    parameters: int
    qubits: int
    matrices: Callable[[Sequence[Angles]], Matrices]


def _fixed(*rows: Sequence[complex]) -> StandardGate:
    matrix = np.array([rows], np.complex128)
    matrix.setflags(write=False)  # it is shared by all that use the gate
    return StandardGate(0, len(rows).bit_length() - 1, lambda _: matrix)


def _permuted(*images: int) -> StandardGate:
    return _fixed(*np.eye(len(images))[list(images)])


def _turning(
    qubits: int, entries: Callable[[Angles], Mapping[tuple[int, int], complex | Matrices]]
) -> StandardGate:
    """A gate of one angle: the identity but for the entries."""

    def matrices(angles: Sequence[Angles]) -> Matrices:
        (angle,) = angles
        turned = np.tile(np.eye(2**qubits, dtype=np.complex128), (len(angle), 1, 1))
        for (row, column), entry in entries(angle).items():
            turned[:, row, column] = entry
        return turned

    return StandardGate(1, qubits, matrices)


def _phase(qubits: int, at: int) -> StandardGate:
    return _turning(qubits, lambda angle: {(at, at): np.exp(1j * angle)})


def _rotation(generator: Sequence[Sequence[complex]]) -> StandardGate:
    """A gate exp(-i angle/2 G), where G is its own inverse."""
    square = np.array(generator, np.complex128)
    identity = np.eye(len(square))

    def matrices(angles: Sequence[Angles]) -> Matrices:
        half = angles[0][:, None, None] / 2
        rotated: Matrices = np.cos(half) * identity - 1j * np.sin(half) * square
        return rotated

    return StandardGate(1, len(square).bit_length() - 1, matrices)


def _xy(angle: Angles) -> Mapping[tuple[int, int], complex | Matrices]:
    cos, sin = np.cos(angle / 2) + 0j, 1j * np.sin(angle / 2)
    return {(1, 1): cos, (1, 2): sin, (2, 1): sin, (2, 2): cos}


def _pswap(angle: Angles) -> Mapping[tuple[int, int], complex | Matrices]:
    turn = np.exp(1j * angle)
    return {(1, 1): 0, (2, 2): 0, (1, 2): turn, (2, 1): turn}


def _fsim(angles: Sequence[Angles]) -> Matrices:
    swapping, phase = angles
    matrices = _turning(2, _xy).matrices([swapping])
    matrices[:, 3, 3] = np.exp(1j * phase)
    return matrices


def _phased_fsim(angles: Sequence[Angles]) -> Matrices:
    swapping, zeta, chi, gamma, phase = angles
    matrices = _turning(2, _xy).matrices([swapping])
    for place, turn in (
        ((1, 1), -gamma - zeta),
        ((1, 2), chi - gamma),
        ((2, 1), -chi - gamma),
        ((2, 2), zeta - gamma),
        ((3, 3), phase - 2 * gamma),
    ):
        matrices[:, *place] *= np.exp(1j * turn)
    return matrices


def _canonical(angles: Sequence[Angles]) -> Matrices:
    """exp(-i (a XX + b YY + c ZZ) / 4); the three commute."""
    turns = (gate.matrices([angle / 2]) for gate, angle in zip(_ALIKE, angles, strict=True))
    return reduce(np.matmul, turns)


_X = ((0, 1), (1, 0))
_Y = ((0, -1j), (1j, 0))
_Z = ((1, 0), (0, -1))
_R = 2**-0.5
_ALIKE = tuple(_rotation(np.kron(letter, letter).tolist()) for letter in (_X, _Y, _Z))
_SQUARE_ROOT_OF_ISWAP = _fixed((1, 0, 0, 0), (0, _R, 1j * _R, 0), (0, 1j * _R, _R, 0), (0, 0, 0, 1))

STANDARD: Mapping[str, StandardGate] = MappingProxyType(
    {
        "I": _fixed((1, 0), (0, 1)),
        "X": _fixed(*_X),
        "Y": _fixed(*_Y),
        "Z": _fixed(*_Z),
        "H": _fixed((_R, _R), (_R, -_R)),
        "S": _fixed((1, 0), (0, 1j)),
        "T": _fixed((1, 0), (0, _R * (1 + 1j))),
        "PHASE": _phase(1, 1),
        "RX": _rotation(_X),
        "RY": _rotation(_Y),
        "RZ": _rotation(_Z),
        "CNOT": _permuted(0, 1, 3, 2),
        "CZ": _fixed((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, -1)),
        "CPHASE00": _phase(2, 0),
        "CPHASE01": _phase(2, 1),
        "CPHASE10": _phase(2, 2),
        "CPHASE11": _phase(2, 3),
        "CPHASE": _phase(2, 3),
        "SWAP": _permuted(0, 2, 1, 3),
        "ISWAP": _fixed((1, 0, 0, 0), (0, 0, 1j, 0), (0, 1j, 0, 0), (0, 0, 0, 1)),
        "SQISWAP": _SQUARE_ROOT_OF_ISWAP,
        "SQISW": _SQUARE_ROOT_OF_ISWAP,
        "PSWAP": _turning(2, _pswap),
        "XY": _turning(2, _xy),
        "PISWAP": _turning(2, _xy),
        "FSIM": StandardGate(2, 2, _fsim),
        "PHASEDFSIM": StandardGate(5, 2, _phased_fsim),
        "CAN": StandardGate(3, 2, _canonical),
        **dict(zip(("RXX", "RYY", "RZZ"), _ALIKE, strict=True)),
        "CCNOT": _permuted(0, 1, 2, 3, 4, 5, 7, 6),
        "CSWAP": _permuted(0, 1, 2, 3, 4, 6, 5, 7),
    }
)
"""By name."""
