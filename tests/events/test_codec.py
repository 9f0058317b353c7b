"""The codec: round trip of every event, refusals, old forms, sharing."""

import msgpack
import pytest
from hypothesis import given
from immutables import Map

from events import pod
from events.codec import BadTables, Body, Codec, Undecodable, Unencodable, UnknownTopic
from events.frozen import frozen, replace
from events.goal import Goal
from tests.events.strategies import TABLES, codec, events

CODEC = codec()
SPEC = pod.PodSpec(containers=(pod.ContainerSpec(name="main", command=("true",)),))


@given(events())
def test_what_is_decoded_equals_what_was_encoded(event: object) -> None:
    topic, body = CODEC.encode(event)
    decoded = CODEC.decode(topic, body)
    assert decoded == event
    assert repr(decoded) == repr(event)  # a text in place of its enum's member is equal, too
    assert CODEC.encode(decoded) == (topic, body)


@given(events())
def test_a_field_of_a_newer_version_is_ignored(event: object) -> None:
    topic, body = CODEC.encode(event)
    longer = msgpack.packb({**msgpack.unpackb(body, strict_map_key=False), "not yet known": [1, {"a": b"b"}]})
    assert CODEC.decode(topic, longer) == event


def test_topics_are_the_names_in_the_tables() -> None:
    for table in TABLES:
        for topic, kind in table.items():
            assert CODEC.knows(kind)
            assert topic.endswith(":1")


def test_fields_at_their_default_take_no_room() -> None:
    assert CODEC.encode(pod.PodPlaced(run=1, host="h")) == (
        "pod.placed:1",
        msgpack.packb({"run": 1, "host": "h"}),
    )


def test_enums_are_texts_and_come_back_as_members() -> None:
    topic, body = CODEC.encode(pod.PodGoalChanged(goal=Goal.KILLED, desired_run=3))
    assert msgpack.unpackb(body) == {"goal": "killed", "desired_run": 3}
    decoded = CODEC.decode(topic, body)
    assert isinstance(decoded, pod.PodGoalChanged)
    assert decoded.goal is Goal.KILLED


def test_an_unknown_topic_is_named() -> None:
    with pytest.raises(UnknownTopic, match=r"pod\.vanished:7"):
        CODEC.decode("pod.vanished:7", b"\x80")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x80\x80",
        msgpack.packb([1, 2]),
        msgpack.packb(None),
        msgpack.packb({"run": 1}),
        msgpack.packb({"run": "1", "host": "h"}),
        msgpack.packb({"run": 1, "host": None}),
        msgpack.packb({"run": 1, "host": "h", "ports": 3}),
        msgpack.packb({"run": 1, "host": "h", "ports": [{"container": "c"}]}),
        b"\x82\xa3run\x01\xa4host\xa1\xff",
    ],
)
def test_a_body_that_does_not_fit_is_refused_with_its_topic(body: bytes) -> None:
    with pytest.raises(Undecodable, match=r"pod\.placed:1"):
        CODEC.decode("pod.placed:1", body)


def test_a_body_without_fields_is_still_a_map() -> None:
    with pytest.raises(Undecodable, match=r"job\.deleted:1"):
        CODEC.decode("job.deleted:1", msgpack.packb([]))


def test_an_unknown_member_of_an_enum_is_refused() -> None:
    body = msgpack.packb({"goal": "dancing", "desired_run": 3})
    with pytest.raises(Undecodable, match="dancing"):
        CODEC.decode("pod.goal_changed:1", body)


@pytest.mark.parametrize("event", [object(), SPEC, pod.PodQueued(run=2**70, reason=""), {"a": 1}])
def test_what_cannot_be_encoded_is_a_bug_of_the_caller(event: object) -> None:
    with pytest.raises(Unencodable):
        CODEC.encode(event)


def test_the_packer_survives_a_refusal() -> None:
    with pytest.raises(Unencodable):
        CODEC.encode(pod.PodQueued(run=2**70, reason=""))
    event = pod.PodQueued(run=2, reason="")
    assert CODEC.decode(*CODEC.encode(event)) == event


# ---------------------------------------------------------------- sharing


def test_pods_of_one_job_share_one_spec() -> None:
    made = [pod.PodCreated(owner="job/1", instance=n, config=1, spec=replace(SPEC)) for n in range(3)]
    decoded = [CODEC.decode(*CODEC.encode(event)) for event in made]
    assert decoded == made
    specs = [event.spec for event in decoded if isinstance(event, pod.PodCreated)]
    assert len({id(spec) for spec in specs}) == 1


def test_an_interned_value_is_a_bin_inside_its_event() -> None:
    _, body = CODEC.encode(pod.PodRunStarted(run=1, config=1, spec=SPEC))
    inner = msgpack.unpackb(body)["spec"]
    assert isinstance(inner, bytes)
    assert msgpack.unpackb(inner) == {"containers": [{"name": "main", "command": ["true"]}]}


def test_what_is_remembered_is_bounded_and_forgetting_changes_nothing() -> None:
    small = Codec(TABLES, interned=(pod.PodSpec,), remembered=2)
    for priority in list(range(5)) * 2:
        event = pod.PodRunStarted(run=1, config=1, spec=replace(SPEC, priority=priority))
        assert small.decode(*small.encode(event)) == event


# ---------------------------------------------------------------- states


@frozen(kw_only=False)
class Place:
    name: str
    goal: Goal | None = None


@frozen(kw_only=False)
class State:
    places: Map[int, Place]
    marks: Map[str, Goal]
    seen: frozenset[str]
    pairs: tuple[tuple[int, Place], ...] = ()
    spec: pod.PodSpec | None = None


def test_states_with_persistent_maps_round_trip() -> None:
    states = Codec([{"state:1": State}], interned=(pod.PodSpec,))
    state = State(
        places=Map({1: Place("a"), 2: Place("b", Goal.KILLED)}),
        marks=Map({"x": Goal.RUNNING}),
        seen=frozenset({"b", "a"}),
        pairs=((1, Place("c")),),
        spec=SPEC,
    )
    decoded = states.decode(*states.encode(state))
    assert decoded == state
    assert isinstance(decoded, State)
    assert isinstance(decoded.places, Map)
    assert isinstance(decoded.seen, frozenset)


# ---------------------------------------------------------------- old forms


@frozen(kw_only=False)
class Moved:
    to: str
    by: str


def rename(body: Body) -> Body:
    return {"to": body["target"]}


def add_by(body: Body) -> Body:
    return {**body, "by": "nobody"}


def test_old_forms_pass_through_all_their_upcasters() -> None:
    upcast = Codec(
        [{"thing.moved:3": Moved}], upcasters=[{"thing.moved:1": rename}, {"thing.moved:2": add_by}]
    )
    assert upcast.decode("thing.moved:1", msgpack.packb({"target": "x"})) == Moved("x", "nobody")
    assert upcast.decode("thing.moved:2", msgpack.packb({"to": "x"})) == Moved("x", "nobody")
    assert upcast.encode(Moved("x", "y"))[0] == "thing.moved:3"
    with pytest.raises(UnknownTopic):
        upcast.decode("thing.moved:4", b"\x80")
    for wrong in (b"\x80", b"\x90"):
        with pytest.raises(Undecodable, match=r"thing\.moved:1"):
            upcast.decode("thing.moved:1", wrong)


@pytest.mark.parametrize(
    ("tables", "upcasters", "reason"),
    [
        ([{"a:3": Moved}], [{"a:1": rename}], "no upcaster from 'a:2'"),
        ([{"a:2": Moved}], [], "no upcaster from 'a:1'"),
        ([{"a:1": Moved}], [{"a:1": rename}], "leads to no class"),
        ([{"a:1": Moved}], [{"b:1": rename}], "leads to no class"),
        ([{"a:2": Moved}], [{"a:1": rename}, {"a:1": rename}], "two upcasters"),
        ([{"a:1": Moved}, {"a:1": Place}], [], "two classes under"),
        ([{"a:1": Moved, "a:2": Place}], [{"a:1": rename}], "two classes for 'a'"),
        ([{"a:1": Moved, "b:1": Moved}], [], "has the topics"),
        ([{"a": Moved}], [], "form <name>:<number>"),
        ([{"a:0": Moved}], [], "form <name>:<number>"),
    ],
)
def test_tables_that_contradict_are_refused_at_once(
    tables: list[dict[str, type]], upcasters: list[dict[str, object]], reason: str
) -> None:
    with pytest.raises(BadTables, match=reason):
        Codec(tables, upcasters=upcasters)  # type: ignore[arg-type]
