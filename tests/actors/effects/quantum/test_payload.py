"""The plaintext of a job."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.effects.quantum.payload import FORMAT, MAX_PLAINTEXT, Payload, read_payload, write_payload
from actors.effects.quantum.refusals import JobRefused

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
PAYLOADS = st.builds(
    Payload,
    quil=TEXTS,
    shots=st.integers(1, 65_535),
    seed=st.none() | st.integers(-(2**63), 2**64 - 1),
    estimated_duration_us=st.none() | st.integers(0, 2**53),
    hold_us=st.integers(0, 2**53),
    settings=st.frozensets(TEXTS).map(lambda names: tuple(sorted(names))),
)


@given(PAYLOADS)
def test_what_is_written_is_read(payload: Payload) -> None:
    assert read_payload(write_payload(payload)) == payload


@given(TEXTS.filter(lambda text: not text.startswith("{")))
def test_anything_but_an_object_is_bare_quil_run_once(text: str) -> None:
    assert read_payload(text.encode()) == Payload(quil=text, shots=1)


@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda tail: b"{" + tail))
def test_anything_is_read_or_refused(plaintext: bytes) -> None:
    with contextlib.suppress(JobRefused):
        assert read_payload(plaintext).quil


def test_what_is_left_out_has_its_default() -> None:
    assert read_payload(b'{"format": "local-quil/1", "quil": "H 0"}') == Payload(quil="H 0")


def _with(**members: object) -> bytes:
    return json.dumps({"format": FORMAT, "quil": "H 0", **members}).encode()


@pytest.mark.parametrize(
    ("plaintext", "words"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"format": "local-quil/1", "quil": "\xff"}', "not UTF-8"),
        (b"{", "not JSON"),
        (b"{}{}", "not JSON"),
        (b'{"a":' * 100_000, "not JSON"),
        (b'{"quil": "H 0"}', '"format"'),
        (b'{"format": "local-quil/2", "quil": "H 0"}', '"format"'),
        (b'{"format": "local-quil/1"}', '"quil"'),
        (b'{"format": "local-quil/1", "quil": "H 0", "quil": "X 0"}', "twice"),
        (b'{"format": "local-quil/1", "quil": "H 0", "settings": {"a": 1, "a": 1}}', "twice"),
        (b'{"format": "local-quil/1", "quil": "H 0", "shots": NaN}', "NaN"),
        (b'{"format": "local-quil/1", "quil": "\\ud800"}', '"quil"'),
        (b'{"format": "local-quil/1", "quil": "H 0", "settings": {"\\ud800": 1}}', '"settings"'),
        (b"H 0\n" + b" " * MAX_PLAINTEXT, "longer"),
        (_with(quil=""), '"quil"'),
        (_with(quil=["H 0"]), '"quil"'),
        (_with(shot=5), "unknown member 'shot'"),
        (_with(shots=0), "1 to 65535"),
        (_with(shots=65_536), "1 to 65535"),
        (_with(shots=1.0), "1 to 65535"),
        (_with(shots=True), "1 to 65535"),
        (_with(shots="1"), "1 to 65535"),
        (_with(shots=None), "1 to 65535"),
        (_with(seed=1.5), '"seed"'),
        (_with(seed=2**64), '"seed"'),
        (_with(hold_us=-1), '"hold_us"'),
        (_with(estimated_duration_us=-1), '"estimated_duration_us"'),
        (_with(settings=["a"]), '"settings"'),
        (_with(settings={"": 1}), '"settings"'),
        (_with(settings=dict.fromkeys(map(str, range(1000)))), '"settings"'),
    ],
)
def test_what_is_not_as_the_format_says_is_refused(plaintext: bytes, words: str) -> None:
    with pytest.raises(JobRefused, match=words):
        read_payload(plaintext)
