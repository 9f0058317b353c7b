"""Gates against whole matrices that were written another way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.effects.quantum.gates import STANDARD
from actors.effects.quantum.state_vector import apply
from actors.effects.quantum.unitaries import matrices_of
from tests.actors.effects.quantum.circuits import ANGLES, circuits, evolved, gates
from tests.actors.effects.quantum.dense import FIXED, MANY_ANGLES, TURNING, DenseGate, final_state


def test_every_standard_gate_is_known_to_the_other_way_too() -> None:
    assert set(STANDARD) == {*FIXED, *TURNING, *MANY_ANGLES}


@given(st.data())
def test_standard_gates_are_unitary_and_as_written_by_hand(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(STANDARD)))
    standard = STANDARD[name]
    angles = [data.draw(ANGLES) for _ in range(standard.parameters)]
    (matrix,) = matrices_of(name, {}, [np.array([angle]) for angle in angles])
    written = DenseGate(name, tuple(angles), tuple(range(standard.qubits))).matrix()
    assert np.allclose(matrix, written, atol=1e-9)
    assert np.allclose(matrix @ matrix.conj().T, np.eye(2**standard.qubits), atol=1e-12)


@given(circuits())
@settings(max_examples=150)
def test_a_circuit_comes_to_the_state_that_whole_matrices_give(circuit: list[DenseGate]) -> None:
    state = evolved(circuit)
    assert np.allclose(state, final_state(circuit, 4), atol=1e-8)
    assert abs(np.linalg.norm(state) - 1) < 1e-9


@given(circuits(most=6))
@settings(max_examples=50)
def test_a_circuit_and_its_reverse_undo_each_other(circuit: list[DenseGate]) -> None:
    undone = [*map(str, circuit), *(f"DAGGER {gate}" for gate in reversed(circuit))]
    state = evolved(undone)
    assert abs(abs(state[0]) - 1) < 1e-9


@given(gates(5, modified=False), st.integers(1, 4), st.booleans(), st.integers(0, 2**32 - 1))
@settings(max_examples=80)
def test_branches_are_told_apart(gate: DenseGate, branches: int, is_shared: bool, seed: int) -> None:  # noqa: FBT001 generated
    """Many branches at once give what each gives alone."""
    rng = np.random.default_rng(seed)
    state = rng.normal(size=(branches, 32)) + 1j * rng.normal(size=(branches, 32))
    angles = [np.full(1 if is_shared else branches, angle) for angle in gate.angles]
    angles = [it if is_shared else it + np.arange(branches) for it in angles]
    matrices = matrices_of(gate.name, {}, angles)
    together = apply(state, matrices, gate.qubits)
    for branch in range(branches):
        own = matrices[min(branch, len(matrices) - 1)]
        alone = apply(state[branch : branch + 1], own[None], gate.qubits)
        assert np.allclose(together[branch], alone[0])


@pytest.mark.parametrize(
    ("definition", "use", "equal"),
    [
        ("DEFGATE G:\n    0, 1\n    1, 0", "G 2", "X 2"),
        (
            "DEFGATE G(%a):\n    cos(%a/2), -i*sin(%a/2)\n    -i*sin(%a/2), cos(%a/2)",
            "G(0.7) 1",
            "RX(0.7) 1",
        ),
        (
            "DEFGATE G(%a, %b):\n    cis(%a), 0\n    0, cis(%b)",
            "DAGGER G(0.7, 2*pi/3) 3",
            "RZ(0.7-2*pi/3) 3\nRZ(0) 3\nPHASE(0) 3",
        ),
        ("DEFGATE G AS PERMUTATION:\n    0, 1, 3, 2", "G 3 1", "CNOT 3 1"),
        # state i has the amplitude that the i-th number had: 2 goes to 1, 3 to 2, 1 to 3
        ("DEFGATE G AS PERMUTATION:\n    0, 2, 3, 1", "G 1 0", "CNOT 1 0\nCNOT 0 1"),
        (
            "DEFGATE G AS PERMUTATION:\n    1, 2, 3, 0",
            "G 3 1",
            "DEFGATE M:\n    0, 1, 0, 0\n    0, 0, 1, 0\n    0, 0, 0, 1\n    1, 0, 0, 0\nM 3 1",
        ),
        ("DEFGATE G(%t) p q AS PAULI-SUM:\n    ZZ(%t/2) p q", "G(1.1) 0 2", "RZZ(1.1) 0 2"),
        ("DEFGATE G(%t) p q AS PAULI-SUM:\n    X(%t/2) q", "G(1.1) 0 2", "RX(1.1) 2"),
        (
            "DEFGATE G:\n    1/sqrt(2), 1/sqrt(2)\n    1/sqrt(2), -1/sqrt(2)",
            "CONTROLLED G 0 1",
            "CONTROLLED H 0 1",
        ),
        ("DEFGATE G:\n    sqrt(-1), 0\n    0, exp(i*pi/2)", "G 1", "RZ(0) 1"),
    ],
)
def test_defined_gates_do_what_they_say(definition: str, use: str, equal: str) -> None:
    """Up to a phase of the whole."""
    mixed = [f"RX(0.3) {qubit}\nRZ({qubit}) {qubit}" for qubit in range(4)]
    state = evolved([definition, *mixed, use])
    wanted = evolved([*mixed, equal])
    assert abs(abs(np.vdot(state, wanted)) - 1) < 1e-9


def test_a_definition_comes_before_a_standard_gate_of_its_name() -> None:
    state = evolved(["DEFGATE H:\n    0, 1\n    1, 0", "H 0"], qubits=1)
    assert np.allclose(state, [0, 1])


def test_many_controls_act_where_all_are_one() -> None:
    flips = "\n".join(f"X {qubit}" for qubit in range(9))
    state = evolved([flips, f"{'CONTROLLED ' * 9}X {' '.join(map(str, range(10)))}"], qubits=10)
    assert abs(state[-1]) == pytest.approx(1)
    state = evolved([flips, "X 4", f"{'CONTROLLED ' * 9}X {' '.join(map(str, range(10)))}"], qubits=10)
    assert abs(state[0b0111101111]) == pytest.approx(1)


@given(ANGLES, ANGLES)
def test_arguments_are_computed(first: float, second: float) -> None:
    text = f"RX(cos({first})*2^2 - sin({second})/(1+sqrt(4)) + exp(0)) 0"
    angle = np.cos(first) * 4 - np.sin(second) / 3 + 1
    assert np.allclose(evolved([text], qubits=1), [np.cos(angle / 2), -1j * np.sin(angle / 2)])
