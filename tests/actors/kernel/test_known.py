"""The filter of streams: a "no" is certain, a "yes" is rarely wrong."""

from hypothesis import given
from hypothesis import strategies as st

from actors.kernel.known import KnownStreams


def filled(streams: list[str]) -> KnownStreams:
    known = KnownStreams()
    for stream in streams:
        known.add(stream)
    known.is_filled = True
    return known


@given(st.lists(st.text()))
def test_whatever_was_added_may_be_there(streams: list[str]) -> None:
    known = filled(streams)
    assert all(known.may_have(stream) for stream in streams)


def test_until_it_is_filled_everything_may_be_there() -> None:
    assert KnownStreams().may_have("job/1")
    assert not filled([]).may_have("job/1")


def test_it_is_rarely_wrong_and_grows() -> None:
    count = 250_000
    known = filled([f"pod/{number}" for number in range(count)])
    assert all(known.may_have(f"pod/{number}") for number in range(count))
    wrong = sum(known.may_have(f"job/{number}") for number in range(20_000))
    assert wrong < 20_000 * 0.04
