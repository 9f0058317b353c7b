"""Generators of gates, circuits and programmes; running them shortly."""

from collections import Counter
from collections.abc import Sequence
from inspect import signature

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from actors.effects.quantum.classical import BranchMemory
from actors.effects.quantum.memory import MemoryValue, Patches
from actors.effects.quantum.program import compile_program
from actors.effects.quantum.result import Result
from actors.effects.quantum.run import run
from actors.effects.quantum.sampled import _evolved
from tests.actors.effects.quantum.dense import FIXED, MANY_ANGLES, TURNING, DenseGate

QUBITS = 4
ANGLES = st.floats(-7, 7, allow_nan=False).map(lambda angle: round(angle, 6) + 0.0)
_WIDTHS = {name: len(matrix).bit_length() - 1 for name, matrix in FIXED.items()} | {
    name: len(make(0.5)).bit_length() - 1 for name, make in TURNING.items()
}
_WIDTHS |= dict.fromkeys(MANY_ANGLES, 2)


@st.composite
def gates(draw: st.DrawFn, qubits: int = QUBITS, *, modified: bool = True) -> DenseGate:
    """A gate on some of the qubits, with modifiers that fit."""
    name = draw(st.sampled_from(sorted(name for name, width in _WIDTHS.items() if width <= qubits)))
    width = _WIDTHS[name]
    modifiers = draw(
        st.lists(st.sampled_from(["DAGGER", "CONTROLLED", "FORKED"]), max_size=3 if modified else 0).filter(
            lambda chosen: sum(it != "DAGGER" for it in chosen) <= qubits - width
        )
    )
    many = MANY_ANGLES.get(name)
    parameters = len(signature(many).parameters) if many else int(name in TURNING)
    angles = parameters << modifiers.count("FORKED")
    wide = width + sum(it != "DAGGER" for it in modifiers)
    return DenseGate(
        name,
        tuple(draw(st.lists(ANGLES, min_size=angles, max_size=angles))),
        tuple(draw(st.permutations(range(qubits)))[:wide]),
        tuple(modifiers),
    )


def circuits(qubits: int = QUBITS, *, most: int = 14) -> st.SearchStrategy[list[DenseGate]]:
    return st.lists(gates(qubits), max_size=most)


def evolved(lines: Sequence[object], *, qubits: int = QUBITS) -> NDArray[np.complex128]:
    """The state that the engine comes to; every qubit is made to be used."""
    program = compile_program("\n".join([*(f"I {qubit}" for qubit in range(qubits)), *map(str, lines)]))
    assert program.is_sampled
    state: NDArray[np.complex128] = _evolved(program, BranchMemory.patched(program.declarations, {}))[0]
    return state


def ran(text: str, *, shots: int = 1, patches: Patches | None = None, seed: tuple[int, ...] = (1,)) -> Result:
    return run(compile_program(text), shots=shots, patches=patches or {}, seed=seed)


def memory_after(text: str, patches: Patches | None = None) -> dict[str, MemoryValue]:
    return dict(ran(text, patches=patches).memory)


def counts(result: Result) -> Counter[tuple[int, ...]]:
    """How often each combination of outcomes came."""
    return Counter(zip(*(outcomes for _, outcomes in result.readouts), strict=True))


def is_likely(seen: Counter[tuple[int, ...]], expected: dict[tuple[int, ...], float]) -> bool:
    """Pearson's chi-square against probabilities, at a bound that chance crosses once in a million."""
    shots = seen.total()
    likely = {outcome: chance for outcome, chance in expected.items() if chance * shots > 5}
    if any(outcome not in expected or expected[outcome] < 1e-9 for outcome in seen):
        return False
    statistic = sum((seen[it] - shots * chance) ** 2 / (shots * chance) for it, chance in likely.items())
    freedom = max(1, len(likely))
    return bool(statistic < freedom + 7 * (2 * freedom) ** 0.5 + 12)
