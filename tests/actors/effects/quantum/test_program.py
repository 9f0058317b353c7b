"""What is refused of what the parser accepts, and what is known of what is accepted."""

import contextlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actors.effects.quantum.memory import Declaration, MemoryType
from actors.effects.quantum.program import check_shots, compile_program
from actors.effects.quantum.refusals import JobRefused

MEMORY = "DECLARE b BIT[2]\nDECLARE o OCTET[2]\nDECLARE n INTEGER[2]\nDECLARE x REAL[2]\n"
ROTATION = "DEFGATE G(%a):\n    cos(%a), -i*sin(%a)\n    -i*sin(%a), cos(%a)\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("H 0 0 0 @", "cannot be parsed"),
        ("HALT 3", "cannot be parsed"),
        ("FOO 0", "FOO 0: there is no gate FOO"),
        ("H", "H: H takes 1 qubits here, not 0"),
        ("CNOT 0", "takes 2 qubits here, not 1"),
        ("H 0 1", "takes 1 qubits here, not 2"),
        ("CONTROLLED H 0", "takes 2 qubits here, not 1"),
        ("FORKED RX(1, 2) 0", "takes 2 qubits here, not 1"),
        ("RX 0", "takes 1 parameters here, not 0"),
        ("H(1) 0", "takes 0 parameters here, not 1"),
        ("FORKED RX(1) 0 1", "takes 2 parameters here, not 1"),
        ("CNOT 0 0", "a qubit stands twice"),
        ("CONTROLLED X 1 1", "a qubit stands twice"),
        ("H q", "H q: q is not the number of a qubit"),
        ("MEASURE q", "q is not the number of a qubit"),
        ("RX(%a) 0", "%a has no value"),
        ("RX(i) 0", "not a real number"),
        ("RX(sqrt(-1)) 0", "not a real number"),
        ("RX(1/0) 0", "not a finite number"),
        ("RX(exp(1000)) 0", "not a finite number"),
        ("RX(theta) 0", "region theta is not declared"),
        ("DECLARE theta REAL\nRX(theta[1]) 0", r"theta\[1\] lies outside of REAL\[1\]"),
        ("DECLARE b BIT\nRX(b) 0", "computed from bits"),
        ("MEASURE 0 ro[0]", "region ro is not declared"),
        ("DECLARE ro BIT[2]\nMEASURE 0 ro[7]", r"MEASURE 0 ro\[7\]: ro\[7\] lies outside of BIT\[2\]"),
        ("DECLARE ro REAL\nMEASURE 0 ro", "an outcome is no REAL"),
        ("DECLARE ro BIT\nMEASURE!fast 0 ro", "named measurement"),
        ("DECLARE ro BIT[0]", "without cells"),
        ("DECLARE ro BIT[65535]\nDECLARE b BIT[2]", "more than 65536 cells"),
        ("DECLARE ro BIT[18446744073709551615]", "does not fit an integer"),
        ("DECLARE a BIT\nDECLARE b BIT SHARING a", "SHARING is not supported"),
        ("DECLARE ro BIT\nDECLARE ro REAL", "declares ro twice"),
        ("DECLARE ro BIT; DECLARE ro BIT", "declares ro twice"),
        (ROTATION + ROTATION, "defines G twice"),
        ("JUMP @nowhere", "JUMP @nowhere: there is no such label"),
        ("LABEL @a\nLABEL @a", "label @a stands twice"),
        (MEMORY + "JUMP-WHEN @a n\nLABEL @a", r"n\[0\] is no BIT"),
        (MEMORY + "JUMP-UNLESS @a c\nLABEL @a", "region c is not declared"),
        (MEMORY + "MOVE n 9223372036854775808", "does not fit an integer"),
        (MEMORY + "MOVE b 2", "2 is no BIT"),
        (MEMORY + "MOVE o 256", "256 is no OCTET"),
        (MEMORY + "MOVE o -1", "-1 is no OCTET"),
        (MEMORY + "MOVE n 1.5", "1.5 is no INTEGER"),
        (MEMORY + "MOVE n x", r"n\[0\] is INTEGER, x\[0\] is REAL"),
        (MEMORY + "ADD b 1", r"b\[0\] is BIT, not INTEGER or REAL"),
        (MEMORY + "ADD n x", "is REAL"),
        (MEMORY + "NEG o", "not INTEGER or REAL"),
        (MEMORY + "NOT x", "not BIT or OCTET or INTEGER"),
        (MEMORY + "XOR x 1", "not BIT or OCTET or INTEGER"),
        (MEMORY + "AND n o", "is OCTET"),
        (MEMORY + "SHL n 1", "SHL is not supported"),
        (MEMORY + "EQ n b 1", r"n\[0\] is INTEGER, not BIT"),
        (MEMORY + "LT b n x", "is REAL"),
        (MEMORY + "EXCHANGE n x", "is REAL"),
        (MEMORY + "LOAD n x n", "is REAL"),
        (MEMORY + "LOAD n n x", r"x\[0\] is REAL, not OCTET or INTEGER"),
        (MEMORY + "LOAD n m n", "region m is not declared"),
        (MEMORY + "STORE m n 1", "region m is not declared"),
        (MEMORY + "STORE b n 2", "2 is no BIT"),
        (MEMORY + "CONVERT n y", "region y is not declared"),
        ("DEFCAL X 0:\n    NOP", "DEFCAL is not supported"),
        ("DEFCAL MEASURE 0 addr:\n    NOP", "DEFCAL is not supported"),
        ('PULSE 0 "rf" flat(duration: 1, iq: 1)', "PULSE is not supported"),
        ('DECLARE ro REAL\nCAPTURE 0 "ro" flat(duration: 1, iq: 1) ro', "CAPTURE is not supported"),
        ("DELAY 0 1.0", "DELAY is not supported"),
        ("FENCE 0", "FENCE is not supported"),
        ("WAIT", "WAIT is not supported"),
        ('SHIFT-PHASE 0 "rf" 1', "SHIFT-PHASE is not supported"),
        ('DEFFRAME 0 "rf":\n    SAMPLE-RATE: 1.0', "DEFFRAME is not supported"),
        ("DEFWAVEFORM w:\n    1, 2", "DEFWAVEFORM is not supported"),
        ("DEFCIRCUIT F q:\n    H q\nF 0", "DEFCIRCUIT is not supported"),
        ('INCLUDE "other.quil"', "INCLUDE is not supported"),
        ("DECLARE n INTEGER\nCALL f n", "CALL is not supported"),
        ("DEFGATE G:\n    1, 0\n    0, 2", "the matrix of G is not unitary"),
        ("DEFGATE G:\n    1, 0\n    0, 1/0", "not unitary"),
        ("DEFGATE G:\n    1, 0\n    1", "not square"),
        ("DEFGATE G:\n    1, 0, 0\n    0, 1, 0\n    0, 0, 1", "3, not a power of two"),
        ("DEFGATE G:\n    1", "1, not a power of two"),
        ("DEFGATE G(%a):\n    cis(%b), 0\n    0, 1", "%b is no parameter"),
        ("DEFGATE G(%a, %a):\n    cis(%a), 0\n    0, 1", "stands twice"),
        ("DECLARE x REAL\nDEFGATE G:\n    cis(x), 0\n    0, 1", "region x is not declared"),
        ("DEFGATE G(%a):\n    %a, 0\n    0, 1\nG(2) 0", r"G\(2\) 0: the matrix of G is not unitary"),
        ("DEFGATE G AS PERMUTATION:\n    0, 0", "no permutation of 0 to 1"),
        ("DEFGATE G AS PERMUTATION:\n    0, 99999999999", "no permutation"),
        ("DEFGATE G AS PERMUTATION:\n    0, 1, 2", "3, not a power of two"),
        (f"DEFGATE G AS PERMUTATION:\n    {', '.join(map(str, range(512)))}", "more than 8 qubits"),
        ("DEFGATE G(%a) p AS PAULI-SUM:\n    X(i*%a) p\nG(1) 0", "not a real number"),
        ("DEFGATE G(%a) p AS PAULI-SUM:\n    XX(%a) p p", "names a qubit twice"),
        ("DEFGATE G(%a) p p AS PAULI-SUM:\n    X(%a) p", "a qubit stands twice"),
        ("DEFGATE G(%a) p AS PAULI-SUM:\n    X(%b) p", "%b is no parameter"),
        ("DEFGATE G p AS SEQUENCE:\n    H p", "AS SEQUENCE is not supported"),
        (ROTATION + "G 0", "takes 1 parameters here, not 0"),
        (ROTATION + "G(1) 0 1", "takes 1 qubits here, not 2"),
        ("\n".join(f"H {qubit}" for qubit in range(17)), "uses 17 qubits; at most 16 are offered"),
        ("H 0\n" * 50_001, "more than 50000 instructions"),
        ("H 0\0", "zero byte"),
        ("H 0" + " " * 70_000, "a line of the programme is longer"),
        ("DECLARE i INTEGER\nMOVE i 9223372036854775808", "9223372036854775808 does not fit an integer"),
        ("DECLARE i INTEGER\nMOVE i -9223372036854775809", "-9223372036854775809 does not fit an integer"),
        ("NOP\n" * 300_000, "longer than 1048576 letters"),
        (f"RX({'(' * 100_000}1{')' * 100_000}) 0", "a line"),
        (f"RX({'(' * 1000}1{')' * 1000}) 0", "nested more than 64 deep"),
        (f"RX({'cos(' * 1000}1{')' * 1000}) 0", "nested more than 64 deep"),
        (f"RX({'+'.join(['1'] * 1000)}) 0", "nested more than 200 deep"),
    ],
)
def test_what_cannot_be_run_is_refused_and_named(text: str, words: str) -> None:
    with pytest.raises(JobRefused, match=words) as refused:
        compile_program(text)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("text", "is_sampled"),
    [
        ("", True),
        ("H 0\nMEASURE 0", True),
        ("RESET\nH 0\nMEASURE 0", True),
        ("H 0\nMEASURE 0\nH 1\nMEASURE 1", True),
        ("H 0\nMEASURE 0\nMEASURE 0", True),
        ("H 0\nHALT\nMEASURE 0\nH 0", True),
        ("DECLARE b BIT\nH 0\nMEASURE 0 b\nNOT b", True),
        ("DECLARE x REAL\nRX(x) 0\nMEASURE 0", True),
        ("H 0\nMEASURE 0\nX 0", False),
        ("H 0\nMEASURE 0\nCNOT 1 0", False),
        ("H 0\nMEASURE 0\nCONTROLLED X 0 1", False),
        ("H 0\nMEASURE 0\nRESET 0", False),
        ("H 0\nMEASURE 0\nRESET", False),
        ("RESET 0", False),
        ("DECLARE x REAL\nADD x 1\nRX(x) 0", False),
        ("LABEL @a\nH 0", True),
        ("JUMP @a\nLABEL @a", False),
    ],
)
def test_one_evolution_serves_where_nothing_depends_on_an_outcome(text: str, *, is_sampled: bool) -> None:
    assert compile_program(text).is_sampled is is_sampled


def test_comments_are_not_counted() -> None:
    padding = "# " + "x" * 70_000 + "\n"
    program = compile_program(
        f"{padding * 40}DECLARE i INTEGER # {'(' * 100}\nMOVE i -9223372036854775808\nH 0"
    )
    assert len(program.steps) == 2


def test_a_programme_tells_what_it_uses() -> None:
    program = compile_program(
        "DECLARE z REAL[3]\nDECLARE ro BIT[2]\nH 7\nMEASURE 7 ro[1]\nMEASURE 30 ro[0]\nMEASURE 2 ro[1]"
    )
    assert program.declarations == (
        Declaration("ro", MemoryType.BIT, 2),
        Declaration("z", MemoryType.REAL, 3),
    )
    assert program.readouts == ("ro[1]", "ro[0]")
    assert program.qubits == (2, 7, 30)
    assert compile_program("\n".join(f"H {qubit}" for qubit in range(17)), max_qubits=17).qubits[-1] == 16


def test_comments_texts_and_pragmas_declare_nothing() -> None:
    text = 'PRAGMA note "\nDECLARE b BIT; # "\nDECLARE b BIT # DECLARE b BIT\nPRAGMA other b "#"\nNOP'
    assert compile_program(text).declarations == (Declaration("b", MemoryType.BIT, 1),)


def test_numbers_of_many_digits_may_be_angles() -> None:
    assert compile_program("RX(3.14159265358979323846264338) 0\nRZ(0.12345678901234567890123) 0").qubits == (
        0,
    )


def test_outcomes_are_bounded() -> None:
    lines = "\n".join(f"MEASURE 0 ro[{cell}]" for cell in range(2000))
    program = compile_program(f"DECLARE ro BIT[2000]\n{lines}")
    check_shots(program, 30_000)
    with pytest.raises(JobRefused, match="2000 readouts of 65535 shots"):
        check_shots(program, 65_535)


VOCABULARY = """
    H X RX(0.5) CNOT FOO G G(1) MEASURE RESET DECLARE DEFGATE AS MATRIX: PERMUTATION: PAULI-SUM: SEQUENCE:
    LABEL JUMP JUMP-WHEN JUMP-UNLESS @a @b HALT MOVE ADD DIV EXCHANGE LOAD STORE CONVERT NEG NOT XOR EQ CALL
    CONTROLLED DAGGER FORKED DEFCAL DEFCIRCUIT PRAGMA PULSE WAIT NOP ro ro[0] ro[9] x x[0] BIT BIT[2] REAL
    INTEGER[3] OCTET SHARING OFFSET 0 1 2 -1 1.5 99999999999999999999 i pi % %a ( ) (( )) , ; : " # \\ é 1/0
    cos( sqrt(-1) ^ + - * G: 0,1 1,0
"""
LINES = st.lists(st.lists(st.sampled_from(VOCABULARY.split()), max_size=6).map(" ".join), max_size=8)


@given(LINES, st.sampled_from(["\n", "\n    ", ";"]))
@example(["DECLARE ro BIT[2]", "MEASURE 0 ro[9]"], "\n")
@settings(max_examples=300)
def test_any_text_is_accepted_or_refused(lines: list[str], between: str) -> None:
    with contextlib.suppress(JobRefused):
        program = compile_program(between.join(lines))
        assert len(program.qubits) <= 16
