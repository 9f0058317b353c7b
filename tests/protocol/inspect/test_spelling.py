"""Trees of events and states: total, bounded, and silent about what is secret."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from immutables import Map

from events.attachment import Attachment
from events.frozen import frozen
from events.pod import PodPhase
from events.record import Envelope, Recorded
from projections.tail.part import Part
from protocol.inspect.translate.events import BODY, read_time, spell_event, spell_time
from protocol.inspect.translate.parts import MESSAGE_BYTES, spell_part
from protocol.inspect.translate.requests import read_token, spell_token
from protocol.inspect.translate.spelling import REST, Bounds, spell
from protocol.pb.polyplane.inspect.v1 import inspect_pb2 as pb
from protocol.trees import Difference, Tree, differences
from tests.strategies import host_events, job_events, pod_events

events = st.one_of(job_events(), pod_events(), host_events())
trees: st.SearchStrategy[Tree] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)


def record(event: object, revision: int = 1) -> Recorded:
    return Recorded(revision, "job/1", revision, event, Envelope(at=revision), is_last=True)


@given(event=events)
@settings(max_examples=100)
def test_every_event_can_be_spelled_and_nothing_is_lost(event: object) -> None:
    spelled = spell(event)
    assert not spelled.is_cut
    assert json.loads(spelled.json) == spelled.tree
    assert spell(event) == spelled


@given(event=events, size=st.integers(1, 400), text=st.integers(1, 9), elements=st.integers(1, 3))
@settings(max_examples=100)
def test_what_is_cut_is_short_and_says_so(event: object, size: int, text: int, elements: int) -> None:
    bounds = Bounds(size=size, text=text, elements=elements)
    cut, whole = spell(event, bounds), spell(event)
    assert cut.is_cut == (REST in cut.json)
    assert cut.is_cut or cut == whole
    # At most one value goes over the bound, and each level around it marks what it leaves out.
    assert len(cut.json.encode()) <= 2 * size + 600


@frozen(kw_only=False)
class Sample:
    """One of each."""

    phases: Map[PodPhase, int]
    numbers: Map[int, str]
    secret: Attachment
    body: bytes
    set: frozenset[str]


def test_maps_are_sorted_secrets_are_sizes() -> None:
    sample = Sample(
        phases=Map({PodPhase.RUNNING: 2, PodPhase.FAILED: 1}),
        numbers=Map({10: "ten", 9: "nine"}),
        secret=Attachment("a.b", 2, b"secret"),
        body=b"\0" * 100,
        set=frozenset({"b", "a"}),
    )
    assert spell(sample).json == (
        '{"phases":{"failed":1,"running":2},"numbers":{"9":"nine","10":"ten"},'
        '"secret":{"kind":"a.b","version":2,"size":6},'
        f'"body":{{"size":100,"base64":"{"A" * 64}","…":"52 more bytes"}},"set":["a","b"]}}'
    )


def test_what_is_no_data_is_refused() -> None:
    with pytest.raises(TypeError, match="a object cannot be spelled"):
        spell(object())


@given(before=trees, after=trees)
def test_differences_are_none_exactly_for_equal_trees(before: Tree, after: Tree) -> None:
    assert list(differences(before, before)) == []
    # JSON tells 1 from true, as Python's equality does not.
    is_equal = json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
    assert (list(differences(before, after)) == []) == is_equal


def test_differences_name_the_path() -> None:
    before: Tree = {"phase": "running", "pods": {"0": {"run": 1}, "1": {"run": 1}}, "list": [1, 2]}
    after: Tree = {"phase": "killed", "pods": {"0": {"run": 2}, "2": {"run": 1}}, "list": [1]}
    assert list(differences(before, after)) == [
        Difference("phase", "running", "killed"),
        Difference("pods.0.run", 1, 2),
        Difference("pods.1", {"run": 1}, None, is_removed=True),
        Difference("pods.2", None, {"run": 1}, is_added=True),
        Difference("list.1", 2, None, is_removed=True),
    ]


@given(event=events, at=st.integers(0, 2**53))
def test_a_message_of_an_event_is_bounded_and_says_when(event: object, at: int) -> None:
    message = spell_event(Recorded(3, "pod/1", 2, event, Envelope(at=at), is_last=False), "x:1")
    assert read_time(message.time) == at == read_time(spell_time(at))
    assert len(message.body) <= 2 * BODY.size
    assert (message.revision, message.version, message.entity, message.topic) == (3, 2, "pod/1", "x:1")


def test_a_part_of_long_events_comes_in_several_messages() -> None:
    long = Attachment("x", 1, b"")
    text = "x" * 4_000
    events = [
        record(Sample(Map({}), Map(dict.fromkeys(range(3), text)), long, b"", frozenset()), revision)
        for revision in range(1, 101)
    ]
    messages = [
        pb.WatchResponse.FromString(it).append for it in spell_part(Part(100, tuple(events)), lambda _: "x:1")
    ]
    assert len(messages) == 2
    assert [it.fragment for it in messages] == [True, False]
    assert [event.revision for it in messages for event in it.events] == list(range(1, 101))
    assert all(it.ByteSize() <= MESSAGE_BYTES + 64 for it in messages)
    assert [it.revision for it in messages] == [it.events[-1].revision for it in messages]


def test_tokens_belong_to_their_entity() -> None:
    assert spell_token(1, "job/1") == ""
    assert read_token(spell_token(7, "job/1"), "job/1") == 7
    with pytest.raises(Exception, match="page_token"):
        read_token(spell_token(7, "job/1"), "job/2")
