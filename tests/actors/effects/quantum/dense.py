"""Another way of saying what gates do: whole matrices, put together with `kron` and written out by hand.

1. Shares no line with the engine: exponentials are power series, a gate's qubits are brought to the front
   by a permutation of the whole space, modifiers are blocks.
2. An angle may be any float; up to five qubits are bearable.
"""

import cmath
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Square = NDArray[Any]
ONE: Square = np.eye(2, dtype=np.complex128)
X: Square = np.array([[0, 1], [1, 0]], np.complex128)
Y: Square = np.array([[0, -1j], [1j, 0]], np.complex128)
Z: Square = np.array([[1, 0], [0, -1]], np.complex128)
ZERO_ZERO: Square = np.diag([1, 0]).astype(np.complex128)
ONE_ONE: Square = np.diag([0, 1]).astype(np.complex128)


def series(square: Square) -> Square:
    """The exponential of a matrix: halved often, summed, squared as often."""
    small = square / 2**12
    term: Square = np.eye(len(square), dtype=np.complex128)
    total = term.copy()
    for power in range(1, 18):
        term = term @ small / power
        total += term
    for _ in range(12):
        total = total @ total
    return total


def controlled(square: Square) -> Square:
    size = len(square)
    return np.kron(ZERO_ZERO, np.eye(size)) + np.kron(ONE_ONE, square)


def phase_at(index: int, angle: float) -> Square:
    entries = np.ones(4, np.complex128)
    entries[index] = cmath.exp(1j * angle)
    return np.diag(entries)


_SWAP: Square = sum((np.kron(it, it) for it in (ONE, X, Y, Z)), np.zeros((4, 4), np.complex128)) / 2
_EXCHANGE: Square = (np.kron(X, X) + np.kron(Y, Y)) / 2
_H: Square = (X + Z) / 2**0.5


def _pswap(angle: float) -> Square:
    odd = np.diag([0, 1, 1, 0]).astype(np.complex128)
    return _SWAP @ (np.eye(4) - odd + cmath.exp(1j * angle) * odd)


def _rotated(generator: Square) -> Callable[[float], Square]:
    return lambda angle: series(-0.5j * angle * generator)


FIXED: dict[str, Square] = {
    "I": ONE,
    "X": X,
    "Y": Y,
    "Z": Z,
    "H": _H,
    "S": series(0.25j * np.pi * (ONE - Z)),
    "T": series(0.125j * np.pi * (ONE - Z)),
    "CNOT": controlled(X),
    "CZ": controlled(Z),
    "SWAP": _SWAP,
    "ISWAP": series(0.5j * np.pi * _EXCHANGE),
    "SQISWAP": series(0.25j * np.pi * _EXCHANGE),
    "SQISW": series(0.25j * np.pi * _EXCHANGE),
    "CCNOT": controlled(controlled(X)),
    "CSWAP": controlled(_SWAP),
}
TURNING: dict[str, Callable[[float], Square]] = {
    "PHASE": lambda angle: np.diag([1, cmath.exp(1j * angle)]),
    "RX": _rotated(X),
    "RY": _rotated(Y),
    "RZ": _rotated(Z),
    "CPHASE": lambda angle: phase_at(3, angle),
    "CPHASE00": lambda angle: phase_at(0, angle),
    "CPHASE01": lambda angle: phase_at(1, angle),
    "CPHASE10": lambda angle: phase_at(2, angle),
    "CPHASE11": lambda angle: phase_at(3, angle),
    "PSWAP": _pswap,
    "XY": lambda angle: series(0.5j * angle * _EXCHANGE),
    "PISWAP": lambda angle: series(0.5j * angle * _EXCHANGE),
    "RXX": _rotated(np.kron(X, X)),
    "RYY": _rotated(np.kron(Y, Y)),
    "RZZ": _rotated(np.kron(Z, Z)),
}

MANY_ANGLES: dict[str, Callable[..., Square]] = {
    "FSIM": lambda swapping, phase: series(0.5j * swapping * _EXCHANGE) @ phase_at(3, phase),
    "PHASEDFSIM": lambda swapping, zeta, chi, gamma, phase: np.array(
        [
            [1, 0, 0, 0],
            [
                0,
                cmath.exp(-1j * (gamma + zeta)) * cmath.cos(swapping / 2),
                1j * cmath.exp(-1j * (gamma - chi)) * cmath.sin(swapping / 2),
                0,
            ],
            [
                0,
                1j * cmath.exp(-1j * (gamma + chi)) * cmath.sin(swapping / 2),
                cmath.exp(-1j * (gamma - zeta)) * cmath.cos(swapping / 2),
                0,
            ],
            [0, 0, 0, cmath.exp(1j * phase - 2j * gamma)],
        ]
    ),
    "CAN": lambda a, b, c: series(-0.25j * (a * np.kron(X, X) + b * np.kron(Y, Y) + c * np.kron(Z, Z))),
}


@dataclass(frozen=True)
class DenseGate:
    """One gate of a circuit, as it stands in the text."""

    name: str
    angles: tuple[float, ...]
    qubits: tuple[int, ...]
    modifiers: tuple[str, ...] = ()

    def __str__(self) -> str:
        angles = f"({', '.join(map(repr, self.angles))})" if self.angles else ""
        return " ".join((*self.modifiers, self.name + angles, *map(str, self.qubits)))

    def matrix(self) -> Square:
        """On its own qubits, the first the most significant."""
        return _modified(self.modifiers, self.name, self.angles)


def _modified(modifiers: Sequence[str], name: str, angles: Sequence[float]) -> Square:
    if not modifiers:
        return _plain(name, angles)
    half = len(angles) // 2
    match modifiers[0]:
        case "DAGGER":
            return _modified(modifiers[1:], name, angles).conj().T
        case "CONTROLLED":
            return controlled(_modified(modifiers[1:], name, angles))
        case _:
            first, second = angles[:half], angles[half:]
            return np.kron(ZERO_ZERO, _modified(modifiers[1:], name, first)) + np.kron(
                ONE_ONE, _modified(modifiers[1:], name, second)
            )


def _plain(name: str, angles: Sequence[float]) -> Square:
    if name in MANY_ANGLES:
        return MANY_ANGLES[name](*angles)
    return TURNING[name](angles[0]) if angles else FIXED[name]


def whole(gate: DenseGate, qubits: int) -> Square:
    """The gate on all qubits; qubit q is bit q of an index."""
    size = 2**qubits
    rest = [qubit for qubit in reversed(range(qubits)) if qubit not in gate.qubits]
    order = [*gate.qubits, *rest]  # most significant first
    permutation = np.zeros((size, size))
    for index in range(size):
        bits = "".join(str(index >> qubit & 1) for qubit in order)
        permutation[int(bits, 2), index] = 1
    spread = np.kron(gate.matrix(), np.eye(2 ** len(rest)))
    embedded: Square = permutation.T @ spread @ permutation
    return embedded


def final_state(gates: Sequence[DenseGate], qubits: int) -> Square:
    """The state after the gates, from all qubits 0."""
    state = np.zeros(2**qubits, np.complex128)
    state[0] = 1
    for gate in gates:
        state = whole(gate, qubits) @ state
    return state
