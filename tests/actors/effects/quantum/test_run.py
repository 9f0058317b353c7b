"""Runs: what is measured how often, what memory holds, and that a seed settles it."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.effects.quantum.branches import Branching
from actors.effects.quantum.classical import BranchMemory
from actors.effects.quantum.memory import Integers, Octets, Reals
from actors.effects.quantum.program import compile_program
from actors.effects.quantum.refusals import ProgramFailed
from actors.effects.quantum.result import Result
from actors.effects.quantum.run import _run_branching, run, seed_of
from tests.actors.effects.quantum.circuits import circuits, counts, is_likely, memory_after, ran
from tests.actors.effects.quantum.dense import DenseGate, final_state

ALL = "\n".join(f"MEASURE {qubit} ro[{qubit}]" for qubit in range(4))
GHZ = f"DECLARE ro BIT[4]\nH 0\nCNOT 0 1\nCNOT 1 2\nCNOT 2 3\n{ALL}"
TELEPORT = """DECLARE ro BIT[3]
RX(1.1) 0
RZ(0.4) 0
H 1
CNOT 1 2
CNOT 0 1
H 0
MEASURE 0 ro[0]
MEASURE 1 ro[1]
JUMP-UNLESS @first ro[1]
X 2
LABEL @first
JUMP-UNLESS @second ro[0]
Z 2
LABEL @second
RZ(-0.4) 2
RX(-1.1) 2
MEASURE 2 ro[2]"""


def test_bell_and_ghz_states_are_seen_half_and_half() -> None:
    bell = ran("DECLARE ro BIT[2]\nH 5\nCNOT 5 9\nMEASURE 5 ro[0]\nMEASURE 9 ro[1]", shots=5000)
    assert is_likely(counts(bell), {(0, 0): 0.5, (1, 1): 0.5})
    assert is_likely(counts(ran(GHZ, shots=5000)), {(0, 0, 0, 0): 0.5, (1, 1, 1, 1): 0.5})


def test_the_bound_on_chance_holds_something() -> None:
    assert not is_likely(Counter({(0,): 2700, (1,): 2300}), {(0,): 0.5, (1,): 0.5})
    assert not is_likely(Counter({(0,): 5000}), {(0,): 0.5, (1,): 0.5})
    assert not is_likely(Counter({(0,): 999, (1,): 1}), {(0,): 1.0})


@given(circuits(), st.integers(0, 2**32))
@settings(max_examples=30)
def test_both_ways_of_running_see_what_the_state_says(circuit: list[DenseGate], seed: int) -> None:
    """One evolution for all shots, and the branches of measurement after measurement."""
    text = "\n".join(["DECLARE ro BIT[4]", *map(str, circuit), ALL])
    program = compile_program(text)
    assert program.is_sampled
    weights = np.abs(final_state(circuit, 4)) ** 2
    expected = {tuple(index >> qubit & 1 for qubit in range(4)): weights[index] for index in range(16)}
    assert is_likely(counts(run(program, shots=2000, patches={}, seed=(seed,))), expected)
    memory = BranchMemory.patched(program.declarations, {})
    outcomes, _ = _run_branching(program, memory, 2000, np.random.default_rng(seed))
    assert is_likely(Counter(zip(*outcomes, strict=True)), expected)


def test_a_state_can_be_teleported() -> None:
    """What was done to qubit 0 is undone on qubit 2, whatever was measured between."""
    seen = counts(ran(TELEPORT, shots=4000))
    assert is_likely(seen, {(first, second, 0): 0.25 for first in (0, 1) for second in (0, 1)})


@pytest.mark.parametrize("most", [1, 16, 64, 2**21])
def test_a_bound_on_amplitudes_changes_no_law(most: int) -> None:
    program = compile_program(TELEPORT + "\nH 0\nMEASURE 0 ro[0]")
    memory = BranchMemory.patched(program.declarations, {})
    groups = Branching(program, memory, np.random.default_rng(5), max_amplitudes=most).run(1000)
    shots = np.concatenate([group.shots for group in groups])
    assert sorted(shots) == list(range(1000))
    assert all(len(group.state) <= max(1, most // 8) or len(group.shots) == 1 for group in groups)
    seen = Counter(tuple(row) for group in groups for row in group.outcomes[group.branches].tolist())
    assert is_likely(seen, {(first, second, 0): 0.25 for first in (0, 1) for second in (0, 1)})


def test_a_loop_goes_on_until_it_succeeds() -> None:
    result = ran(
        """DECLARE ro BIT[2]
DECLARE turns INTEGER
DECLARE many BIT
LABEL @again
ADD turns 1
RESET 0
H 0
MEASURE 0 ro[0]
JUMP-UNLESS @again ro[0]
GE many turns 3
JUMP-UNLESS @end many
X 1
LABEL @end
MEASURE 1 ro[1]""",
        shots=4000,
    )
    assert is_likely(counts(result), {(1, 0): 0.75, (1, 1): 0.25})
    memory = dict(result.memory)
    assert memory["ro"] == Octets(bytes((1, result.readouts[1][1][-1])))
    turns = memory["turns"]
    assert isinstance(turns, Integers)
    assert (turns.values[0] >= 3) == bool(result.readouts[1][1][-1])


def test_an_angle_may_depend_on_an_outcome() -> None:
    """Each branch has its own."""
    result = ran(
        """DECLARE ro BIT[2]
DECLARE whole INTEGER
DECLARE angle REAL
H 0
MEASURE 0 ro[0]
CONVERT angle ro[0]
MUL angle 3.141592653589793
RX(angle) 1
FORKED RX(0, angle) 0 1
FORKED RX(angle, 0) 0 1
MEASURE 1 ro[1]""",
        shots=1000,
    )
    assert is_likely(counts(result), {(0, 0): 0.5, (1, 0): 0.5})


def test_resetting_one_qubit_leaves_what_it_was_entangled_with() -> None:
    text = "DECLARE ro BIT[2]\nH 0\nCNOT 0 1\nRESET 0\nMEASURE 0 ro[0]\nMEASURE 1 ro[1]"
    assert is_likely(counts(ran(text, shots=4000)), {(0, 0): 0.5, (0, 1): 0.5})


def test_resetting_all_forgets_the_state_but_not_what_was_measured() -> None:
    text = "DECLARE ro BIT[2]\nX 0\nX 1\nMEASURE 0 ro[0]\nRESET\nMEASURE 1 ro[1]"
    assert counts(ran(text, shots=100)) == {(1, 0): 100}
    assert counts(ran("DECLARE ro BIT\nX 0\nRESET\nMEASURE 0 ro", shots=100)) == {(0,): 100}


def test_measuring_twice_gives_the_same() -> None:
    for between in ("", "Z 0\n"):  # sampled, and not
        text = f"DECLARE ro BIT[2]\nH 0\nMEASURE 0 ro[0]\n{between}MEASURE 0 ro[1]"
        assert is_likely(counts(ran(text, shots=2000)), {(0, 0): 0.5, (1, 1): 0.5})


def test_measuring_without_target_still_collapses() -> None:
    text = "DECLARE ro BIT\nH 0\nMEASURE 0\nH 0\nMEASURE 0 ro"
    assert is_likely(counts(ran(text, shots=4000)), {(0,): 0.5, (1,): 0.5})


def test_a_readout_is_what_was_measured_and_memory_what_became_of_it() -> None:
    for more in ("", "JUMP @end\nLABEL @end\n"):
        result = ran(f"DECLARE ro BIT[2]\nX 0\nMEASURE 0 ro[1]\nNOT ro[1]\n{more}", shots=3)
        assert result == Result((("ro[1]", b"\1\1\1"),), (("ro", Octets(b"\0\0")),))


def test_a_measurement_that_is_passed_over_reads_zero() -> None:
    text = "DECLARE ro BIT\nX 0\nJUMP @end\nMEASURE 0 ro\nLABEL @end"
    assert ran(text, shots=4, patches={"ro": Octets(b"\1")}).readouts == (("ro[0]", bytes(4)),)


def test_nothing_after_halt_is_done() -> None:
    assert memory_after("DECLARE n INTEGER\nMOVE n 1\nHALT\nMOVE n 2") == {"n": Integers((1,))}
    text = "DECLARE ro BIT\nH 0\nMEASURE 0 ro\nJUMP-WHEN @e ro\nHALT\nLABEL @e\nX 0\nMEASURE 0 ro"
    assert counts(ran(text, shots=100)) == {(0,): 100}


def test_no_qubit_at_all_is_a_programme_too() -> None:
    assert ran("", shots=2) == Result((), ())
    assert memory_after("DECLARE x REAL\nMOVE x 1\nJUMP @a\nLABEL @a") == {"x": Reals((1.0,))}


def test_the_last_shot_leaves_its_memory() -> None:
    for more in ("", "JUMP @end\nLABEL @end\n"):
        text = f"DECLARE ro BIT[2]\nH 0\nH 1\nMEASURE 0 ro[0]\nMEASURE 1 ro[1]\n{more}"
        for seed in range(8):
            result = ran(text, shots=20, seed=(seed,))
            last = bytes(outcomes[-1] for _, outcomes in result.readouts)
            assert dict(result.memory)["ro"] == Octets(last)


@pytest.mark.parametrize("text", [GHZ, TELEPORT])
def test_a_seed_settles_the_outcomes(text: str) -> None:
    program = compile_program(text)

    def outcomes(seed: int | None, configuration: int, job: str) -> Result:
        return run(program, shots=64, patches={}, seed=seed_of(seed, configuration, job))

    assert outcomes(7, 0, "a") == outcomes(7, 0, "b")
    assert outcomes(None, 0, "a") == outcomes(None, 0, "a")
    different = [
        outcomes(7, 0, "a"),
        outcomes(7, 1, "a"),
        outcomes(-7, 0, "a"),
        outcomes(2**64 - 1, 0, "a"),
        outcomes(None, 0, "a"),
        outcomes(None, 1, "a"),
        outcomes(None, 0, "b"),
    ]
    assert len(set(different)) == len(different)


@given(st.integers(-(2**63), 2**64 - 1) | st.none(), st.integers(0, 10**6), st.text(max_size=40))
def test_any_seed_serves(seed: int | None, configuration: int, job: str) -> None:
    np.random.default_rng(seed_of(seed, configuration, job.encode(errors="ignore").decode()))


def test_an_angle_that_is_no_number_fails_the_programme() -> None:
    text = "DECLARE x REAL\nRX(1/x) 0"
    with pytest.raises(ProgramFailed, match=r"RX\(1/x\[0\]\) 0: an argument is not a finite number"):
        ran(text)
    with pytest.raises(ProgramFailed, match="not a real number"):
        ran("DECLARE x REAL\nSUB x 1\nRX(sqrt(x)) 0")
    with pytest.raises(ProgramFailed, match="the matrix of G is not unitary"):
        ran("DECLARE x REAL\nDEFGATE G(%a):\n    %a, 0\n    0, 1\nG(x) 0")


@pytest.mark.parametrize(
    "text",
    [
        "EQ z x 0\nJUMP-WHEN @end z\nRX(1/x) 0\nLABEL @end",
        "JUMP @end\nRX(1/x) 0\nRX(1) 0\nLABEL @end",
        "HALT\nRX(1/x) 0",
        "DEFGATE G(%a):\n    %a, 0\n    0, 1\nHALT\nG(x) 0",
    ],
)
def test_a_gate_that_is_not_reached_may_be_impossible(text: str) -> None:
    ran(f"DECLARE x REAL\nDECLARE z BIT\n{text}")


def test_too_many_outcomes_fail_the_programme() -> None:
    lines = "\n".join(f"MEASURE 0 ro[{cell}]" for cell in range(2000))
    with pytest.raises(ProgramFailed, match="more than"):
        ran(f"DECLARE ro BIT[2000]\n{lines}", shots=65_535)
