"""Calls are read by the letter, and their slot keys are the original's."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.fn.translate.model import CallModel, read_model
from protocol.fn.translate.outcomes import INVALID_CPUS, INVALID_JSON, Unfit
from protocol.fn.translate.slot_key import LONGEST, key_of, slot_key

PLAIN: dict[str, Any] = {
    "app_id": "app1",
    "fn_id": "fn1",
    "image": "img:1",
    "timeout": 30,
    "idle_timeout": 60,
    "memory": 128,
}
FULL = PLAIN | {
    "syslog_url": "tcp://s",
    "tmpfs_size": 5,
    "cpus": "250m",
    "config": {"B": "2", "A": "1"},
    "annotations": {"k": {"x": 1}},
}


def read(**keys: object) -> CallModel:
    return read_model(json.dumps(keys))


@pytest.mark.parametrize(
    ("model", "extension", "key"),
    [
        (PLAIN, "", "6239b8cd2ff0bf4e9cfadb475c577c68d74621db93428973de5e81965c3ddbcc"),
        (PLAIN, "ext", "d0bfb1310bf3f7291370c017e5640348c0e2283090db4ec83672cbf9d2f874b7"),
        (FULL, "", "6a369d4b7b0793ee4bddece3a06e670995638cb874b98e40ef1f69d91c58f78e"),
    ],
)
def test_slot_keys_are_those_of_the_original(model: dict[str, Any], extension: str, key: str) -> None:
    assert slot_key(read_model(json.dumps(model, indent=2)), extension).hex() == key


def test_a_key_that_comes_with_the_call_is_taken_as_it_is() -> None:
    assert key_of(read(**PLAIN), "00fF") == b"\x00\xff"
    for bad in ("0", "zz", "00 ff", "é0"):
        with pytest.raises(Unfit) as caught:
            key_of(read(**PLAIN), bad)
        assert caught.value.fault.code == 0


def test_a_long_key_that_comes_with_the_call_is_digested() -> None:
    """Equal ones stay equal, and no key is long."""
    longest, longer = "ab" * LONGEST, "ab" * (LONGEST + 1)
    assert key_of(read(**PLAIN), longest) == b"\xab" * LONGEST
    assert len(key_of(read(**PLAIN), longer)) <= LONGEST
    assert key_of(read(**PLAIN), longer) == key_of(read(**PLAIN), longer.upper())
    assert key_of(read(**PLAIN), longer) != key_of(read(**PLAIN), f"{longer}00")


def test_what_is_no_part_of_the_key_does_not_change_it() -> None:
    other = PLAIN | {"app_name": "x", "trigger_id": "t", "headers": {"A": ["1"]}, "method": "PUT", "url": "u"}
    assert slot_key(read(**PLAIN)) == slot_key(read(**other))


@given(st.sampled_from(["fn_id", "app_id", "image", "syslog_url"]), st.text(min_size=1).filter(str.isascii))
def test_what_is_part_of_the_key_changes_it(key: str, text: str) -> None:
    other = PLAIN | {key: f"{PLAIN.get(key, '')}{text}".replace("\0", "0")}
    assert slot_key(read(**PLAIN)) != slot_key(read(**other))


@pytest.mark.parametrize(
    ("cpus", "milli"),
    [
        ("250m", 250),
        ("0.25", 250),
        ("", 0),
        (None, 0),
        ("1024", 1_024_000),
        ("1024000m", 1_024_000),
        ("0", 0),
    ],
)
def test_cpus_are_text(cpus: str | None, milli: int) -> None:
    assert read(cpus=cpus).milli_cpus == milli


@pytest.mark.parametrize(
    "cpus", ["-1", "1025", "1024001m", "m", "1.5m", "NaN", "inf", "1e3", "٣", " 1", "1\n"]
)
def test_other_cpus_are_refused(cpus: str) -> None:
    with pytest.raises(Unfit) as caught:
        read(cpus=cpus)
    assert caught.value.fault == INVALID_CPUS


def test_cpus_as_a_number_are_refused() -> None:
    with pytest.raises(Unfit) as caught:
        read(cpus=1)
    assert caught.value.fault == INVALID_JSON


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"timeout": 1.5}',
        '{"timeout": true}',
        '{"timeout": 2147483648}',
        '{"memory": -1}',
        '{"memory": NaN}',
        '{"id": 1}',
        '{"headers": {"A": "plain"}}',
        '{"headers": {"A": [1]}}',
        '{"headers": []}',
        '{"config": {"A": 1}}',
        '{"annotations": 1}',
        '{"x": ' + "[" * 100_000,
        '{"timeout": ' + "9" * 5000 + "}",
    ],
)
def test_what_cannot_be_parsed_has_no_code(text: str) -> None:
    with pytest.raises(Unfit) as caught:
        read_model(text)
    assert caught.value.fault.code == 0
    assert caught.value.fault.text
    assert not caught.value.fault.is_user


def test_missing_keys_and_nulls_are_zero() -> None:
    zero = CallModel()
    assert read_model("{}") == zero
    names = ("id", "app_id", "timeout", "memory", "cpus", "config", "annotations", "headers", "unknown")
    assert read(**dict.fromkeys(names)) == zero
    assert read(headers={"A": None}).headers == (("A", ()),)


def test_annotations_are_kept_as_written() -> None:
    text = '{"annotations": { "b" : [1.0, "a \\" b", 1e2] , "a":{"z": 1,\n"y":"\\u00e9"} } }'
    assert read_model(text).annotations == (("a", '{"z":1,"y":"\\u00e9"}'), ("b", '[1.0,"a \\" b",1e2]'))


def test_half_characters_are_replaced() -> None:
    assert read_model('{"id": "\\ud800", "config": {"\\udfff": "x"}}').config == (("\ufffd", "x"),)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for model in (text, json.dumps({"id": text, "config": {text: text}, "annotations": {text: text}})):
        try:
            slot_key(read_model(model))
        except Unfit as unfit:
            assert unfit.fault.code == 0  # noqa: PT017 - either is right
