"""The form of an event in a row."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import pod
from events.codec import Undecodable
from events.journal import Append, Entry, MemoryBlobs
from events.journal.prepared import prepare
from events.journal.row import Decoder, pack_envelope, unpack_envelope
from events.record import Envelope, Recorded
from tests.events.strategies import codec, envelopes, events

CODEC = codec()
BODY = msgpack.packb({"run": 1})


def decoded(state: bytes) -> list[Recorded]:
    return list(Decoder(CODEC, MemoryBlobs()).records([(1, "pod/1", 1, "pod.running:1", state)]))


@given(envelopes())
def test_an_envelope_round_trips(envelope: Envelope) -> None:
    assert unpack_envelope(pack_envelope(envelope)) == envelope


def test_an_envelope_leaves_out_what_is_at_its_default_at_the_end() -> None:
    assert msgpack.unpackb(pack_envelope(Envelope(at=5))) == [5]
    assert msgpack.unpackb(pack_envelope(Envelope(at=5, origin="x"))) == [5, "system", "x"]


def test_what_a_newer_version_adds_to_an_envelope_is_ignored() -> None:
    values = [5, "p", "o", "r", 1, "t", ["job/1", 2, 3, "new"], [["job/1", 4]], "new", {"newer": 1}]
    assert unpack_envelope(msgpack.packb(values)).delivered == (("job/1", 4),)


def test_what_a_newer_version_adds_to_a_row_is_ignored() -> None:
    state = msgpack.packb([True, pack_envelope(Envelope(at=5)), {"run": 1}, "new"])
    assert decoded(state) == [Recorded(1, "pod/1", 1, pod.PodRunning(run=1), Envelope(at=5), is_last=True)]


@pytest.mark.parametrize(
    "state",
    [
        b"",
        msgpack.packb([True]),
        msgpack.packb(7),
        msgpack.packb([True, b"", {"run": 1}]),
        msgpack.packb([True, 3, {"run": 1}]),
        msgpack.packb([True, msgpack.packb([5, "p", "o", "r", 1, "t", 9]), {"run": 1}]),
        msgpack.packb([True, pack_envelope(Envelope(at=5)), msgpack.ExtType(9, b"x")]),
    ],
)
def test_a_damaged_row_is_refused(state: bytes) -> None:
    with pytest.raises(Undecodable, match=r"pod\.running:1"):
        decoded(state)


@given(st.lists(events(), min_size=1, max_size=4), envelopes())
def test_an_append_comes_back_with_one_envelope_and_one_mark(made: list[object], envelope: Envelope) -> None:
    append = Append([Entry("pod/1", n, event) for n, event in enumerate(made, 1)], envelope, 1)
    rows = [(n, *row) for n, row in enumerate(prepare(append, CODEC).rows, 1)]
    records = list(Decoder(CODEC, MemoryBlobs()).records(rows))
    assert [record.event for record in records] == made
    assert [record.is_last for record in records] == [False] * (len(made) - 1) + [True]
    assert {id(record.envelope) for record in records} == {id(records[0].envelope)}
    assert records[0].envelope == envelope
