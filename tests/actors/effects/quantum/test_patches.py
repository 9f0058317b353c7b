"""Values for a programme's memory."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.effects.quantum.memory import Declaration, Integers, MemoryType, MemoryValue, Octets, Reals
from actors.effects.quantum.patches import check_patches
from actors.effects.quantum.refusals import JobRefused
from tests.actors.effects.quantum.circuits import memory_after, ran

DECLARED = (
    Declaration("bits", MemoryType.BIT, 3),
    Declaration("octets", MemoryType.OCTET, 2),
    Declaration("whole", MemoryType.INTEGER, 2),
    Declaration("real", MemoryType.REAL, 1),
)
TEXT = "\n".join(f"DECLARE {it.name} {it.type.value}[{it.length}]" for it in DECLARED)
FITTING = st.fixed_dictionaries(
    {},
    optional={
        "bits": st.lists(st.integers(0, 1), min_size=3, max_size=3).map(bytes).map(Octets),
        "octets": st.binary(min_size=2, max_size=2).map(Octets),
        "whole": st.tuples(*[st.integers(-(2**63), 2**63 - 1)] * 2).map(Integers),
        "real": st.tuples(st.floats(allow_nan=False, allow_infinity=False)).map(Reals),
    },
)
ZEROS: dict[str, MemoryValue] = {
    "bits": Octets(bytes(3)),
    "octets": Octets(bytes(2)),
    "whole": Integers((0, 0)),
    "real": Reals((0.0,)),
}


@given(FITTING)
def test_what_fits_stands_in_memory_and_the_rest_is_zero(patches: dict[str, MemoryValue]) -> None:
    check_patches(DECLARED, patches)
    assert memory_after(TEXT, patches) == ZEROS | patches


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("other", Reals((1.0,)), "declares no region 'other'"),
        ("bits", Octets(b"\0\1\2"), "neither 0 nor 1"),
        ("bits", Octets(b"\0\1"), "2 values are given"),
        ("bits", Octets(b""), "0 values are given"),
        ("bits", Integers((0, 1, 0)), "as binary, not as integers"),
        ("octets", Reals((1.0, 2.0)), "as binary, not as reals"),
        ("whole", Reals((1.0, 2.0)), "as integers, not as reals"),
        ("whole", Integers((1, 2, 3)), "3 values are given"),
        ("whole", Integers((1, 2**63)), "64 bits"),
        ("real", Integers((1,)), "as reals, not as integers"),
        ("real", Octets(b"\0"), "as reals, not as binary"),
        ("real", Reals((math.nan,)), "not finite"),
        ("real", Reals((-math.inf,)), "not finite"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, value: MemoryValue, words: str) -> None:
    with pytest.raises(JobRefused, match=words):
        check_patches(DECLARED, {**ZEROS, name: value})


def test_an_angle_can_be_patched() -> None:
    text = "DECLARE ro BIT\nDECLARE theta REAL[2]\nRX(theta[0]*2 + theta[1]) 0\nMEASURE 0 ro"
    for angle, outcome in ((math.pi / 2, 1), (0.0, 0)):
        result = ran(text, shots=50, patches={"theta": Reals((angle, 0.0))})
        assert result.readouts == (("ro[0]", bytes([outcome] * 50)),)
