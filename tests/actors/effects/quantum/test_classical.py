"""Classical steps, each against what Python makes of the same numbers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.effects.quantum.memory import Integers, MemoryValue, Octets, Reals
from actors.effects.quantum.refusals import ProgramFailed
from tests.actors.effects.quantum.circuits import memory_after, ran

INT64 = st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5)
REAL = st.floats(-1e6, 1e6, allow_nan=False)
TEXT = "DECLARE b BIT[2]\nDECLARE o OCTET[2]\nDECLARE n INTEGER[4]\nDECLARE x REAL[2]\n"


def _after(steps: str, **patches: MemoryValue) -> dict[str, MemoryValue]:
    """Run as a programme that is sampled, and as one that is not; both must agree."""
    memory = memory_after(TEXT + steps, patches)
    assert memory_after(f"{TEXT}JUMP @begin\nLABEL @begin\n{steps}", patches) == memory
    return memory


def _wrapped(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


@given(INT64, INT64)
def test_integers_wrap_around(first: int, second: int) -> None:
    steps = "MOVE n[2] n[0]\nMOVE n[3] n[0]\nADD n[2] n[1]\nSUB n[3] n[1]\nMUL n[0] n[1]\nNEG n[1]"
    assert _after(steps, n=Integers((first, second, 0, 0)))["n"] == Integers(
        (_wrapped(first * second), _wrapped(-second), _wrapped(first + second), _wrapped(first - second))
    )


@given(INT64, INT64.filter(bool))
def test_integer_division_drops_the_fraction(first: int, second: int) -> None:
    quotient = abs(first) // abs(second) * (-1 if (first < 0) != (second < 0) else 1)
    memory = _after("DIV n[0] n[1]", n=Integers((first, second, 0, 0)))
    assert memory["n"] == Integers((_wrapped(quotient), second, 0, 0))


@given(REAL, REAL.filter(lambda number: abs(number) > 1e-3))
def test_reals_are_doubles(first: float, second: float) -> None:
    for steps, result in (
        ("ADD x[0] x[1]", first + second),
        ("SUB x[0] x[1]", first - second),
        ("MUL x[0] x[1]", first * second),
        ("DIV x[0] x[1]", first / second),
        ("NEG x[0]", -first),
        ("MOVE x[0] x[1]", second),
        ("MOVE x[0] 2", 2.0),
        ("MOVE x[0] -2.5", -2.5),
    ):
        assert _after(steps, x=Reals((first, second)))["x"] == Reals((result, second))


@given(INT64, INT64, st.integers(0, 255), st.integers(0, 255))
def test_logic_is_bitwise(first: int, second: int, one: int, other: int) -> None:
    for word, operation in (("AND", int.__and__), ("IOR", int.__or__), ("XOR", int.__xor__)):
        memory = _after(
            f"{word} n[0] n[1]\n{word} o[0] o[1]",
            n=Integers((first, second, 0, 0)),
            o=Octets(bytes((one, other))),
        )
        assert memory["n"] == Integers((operation(first, second), second, 0, 0))
        assert memory["o"] == Octets(bytes((operation(one, other), other)))
    memory = _after("NOT n[0]\nNOT o[0]\nNOT b[0]", n=Integers((first, 0, 0, 0)), o=Octets(bytes((one, 0))))
    assert memory["n"] == Integers((~first, 0, 0, 0))
    assert memory["o"] == Octets(bytes((255 - one, 0)))
    assert memory["b"] == Octets(b"\1\0")


@given(INT64, INT64)
def test_comparisons_compare(first: int, second: int) -> None:
    for word, is_so in (
        ("EQ", first == second),
        ("GT", first > second),
        ("GE", first >= second),
        ("LT", first < second),
        ("LE", first <= second),
    ):
        memory = _after(f"{word} b[1] n[0] n[1]", n=Integers((first, second, 0, 0)))
        assert memory["b"] == Octets(bytes((0, is_so)))


def test_literals_compare_too() -> None:
    assert _after("GT b[0] x[0] 1.5\nLT b[1] x[0] 3", x=Reals((2.0, 0.0)))["b"] == Octets(b"\1\1")


def test_exchange_load_and_store_move_values() -> None:
    given = Integers((10, 20, 2, 30))
    assert _after("EXCHANGE n[0] n[1]", n=given)["n"] == Integers((20, 10, 2, 30))
    assert _after("LOAD n[0] n n[2]", n=given)["n"] == Integers((2, 20, 2, 30))
    assert _after("STORE n n[2] n[3]", n=given)["n"] == Integers((10, 20, 30, 30))
    assert _after("STORE x n[2] 1.5\nSTORE b o[0] 1", o=Octets(b"\1\0"), n=Integers((0, 0, 1, 0))) == {
        "b": Octets(b"\0\1"),
        "o": Octets(b"\1\0"),
        "n": Integers((0, 0, 1, 0)),
        "x": Reals((0.0, 1.5)),
    }


@pytest.mark.parametrize(
    ("steps", "patches", "name", "value"),
    [
        ("CONVERT n x", {"x": Reals((-2.7, 0.0))}, "n", Integers((-2, 0, 0, 0))),
        ("CONVERT x n", {"n": Integers((-3, 0, 0, 0))}, "x", Reals((-3.0, 0.0))),
        ("CONVERT b n", {"n": Integers((-3, 0, 0, 0))}, "b", Octets(b"\1\0")),
        ("CONVERT b x", {"x": Reals((0.5, 0.0))}, "b", Octets(b"\1\0")),
        ("CONVERT o n", {"n": Integers((257, 0, 0, 0))}, "o", Octets(b"\1\0")),
        ("CONVERT n o", {"o": Octets(b"\xff\0")}, "n", Integers((255, 0, 0, 0))),
        ("CONVERT x b", {"b": Octets(b"\1\0")}, "x", Reals((1.0, 0.0))),
    ],
)
def test_convert_changes_the_type(
    steps: str, patches: dict[str, MemoryValue], name: str, value: MemoryValue
) -> None:
    assert _after(steps, **patches)[name] == value


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ("DIV n 0", "division by zero"),
        ("DIV n n[1]", "division by zero"),
        ("DIV x x[1]", "division by zero"),
        ("MOVE x 1.5e308\nADD x x", "not finite"),
        ("MOVE x 1.5e308\nMUL x -2", "not finite"),
        ("MOVE n 4\nLOAD n n n", r"n\[4\] lies outside of the region's 4 cells"),
        ("MOVE n -1\nLOAD n n n", r"n\[-1\] lies outside"),
        ("MOVE n 2\nSTORE x n 1", r"x\[2\] lies outside"),
        ("MOVE x 9.3e18\nCONVERT n x", "does not fit an INTEGER"),
    ],
)
def test_what_has_no_result_fails_the_programme(steps: str, words: str) -> None:
    for begin in ("", "JUMP @begin\nLABEL @begin\n"):
        with pytest.raises(ProgramFailed, match=words):
            memory_after(TEXT + begin + steps)


def test_one_shot_that_fails_fails_the_programme() -> None:
    """Also where all shots are drawn from one evolution, and the failing one is not the last."""
    text = "DECLARE ro BIT\nDECLARE n INTEGER\nH 0\nMEASURE 0 ro\nCONVERT n ro\nDIV n n"
    for seed in range(4):
        with pytest.raises(ProgramFailed, match="division by zero"):
            ran(text, shots=40, seed=(seed,))
    text = f"DECLARE x REAL\nMOVE x {math.pi}\nDIV x 2\nRX(x) 0\nRX(x) 0\nDECLARE ro BIT\nMEASURE 0 ro"
    assert ran(text, shots=5).readouts == (("ro[0]", b"\1" * 5),)
