"""Whatever a client sends, translation answers or refuses; it never fails in another way."""

from collections.abc import Callable

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.capacity import Resources
from events.pod import ContainerSpec, PodSpec, PortSpec
from protocol.gateway import Refused
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as jobs
from protocol.pb.peloton.api.v1alpha.watch.svc import watch_svc_pb2 as watch
from protocol.peloton.translate.job_query import read_job_query
from protocol.peloton.translate.job_spec import read_create
from protocol.peloton.translate.known_specs import KnownSpecs
from protocol.peloton.translate.merging import merge_pod
from protocol.peloton.translate.pod_query import read_pod_query
from protocol.peloton.translate.pod_spec import JobTerms, read_pod_spec
from protocol.peloton.translate.rules import Rules
from protocol.peloton.translate.stored_spec import StoredSpecs, spell_pod_spec
from protocol.peloton.translate.watch import read_filter
from tests.protocol.peloton.fake import JOB, NOW
from tests.protocol.peloton.messages import create, job

RULES = Rules(instances_per_job=10)
READ = KnownSpecs(RULES).read
DEPTH = 6

TEXTS = st.one_of(
    st.sampled_from(["", "a", "root", "default", "/default", "name", "sleep 1", JOB, f"{JOB}-1", "\0", ".."]),
    st.text(max_size=5),
)
NUMBERS: dict[int, st.SearchStrategy[object]] = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.one_of(st.integers(0, 12), st.integers(0, 2**32 - 1)),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(),
    FieldDescriptor.CPPTYPE_FLOAT: st.floats(width=32),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
}


@st.composite
def messages(draw: st.DrawFn, descriptor: Descriptor, depth: int = DEPTH) -> Message:
    """Any message of a type: few fields, so that those that are set get looked at."""
    message = GetMessageClass(descriptor)()
    required = [field for field in descriptor.fields if field.is_required]
    others = [field for field in descriptor.fields if not field.is_required]
    chosen = draw(st.lists(st.sampled_from(others), max_size=4, unique=True)) if others else []
    for field in [*required, *chosen]:
        of = field.message_type
        if of is not None and depth == 0 and not field.is_required:
            continue
        if of is not None and of.GetOptions().map_entry:
            entry = of.fields_by_name
            if entry["value"].message_type is not None:
                key = draw(values(entry["key"]))
                value = draw(messages(entry["value"].message_type, depth - 1))
                getattr(message, field.name)[key].CopyFrom(value)
        elif of is not None and field.is_repeated:
            part = messages(of, max(0, depth - 1))
            getattr(message, field.name).extend(draw(st.lists(part, min_size=1, max_size=2)))
        elif of is not None:
            getattr(message, field.name).CopyFrom(draw(messages(of, max(0, depth - 1))))
        elif field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(values(field), min_size=1, max_size=2)))
        else:
            setattr(message, field.name, draw(values(field)))
    return message


def values(field: FieldDescriptor) -> st.SearchStrategy[object]:
    """Any value of a field that is no message."""
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return st.binary(max_size=3) if field.type == FieldDescriptor.TYPE_BYTES else TEXTS
    return NUMBERS[field.cpp_type]


def read_job_creation(request: jobs.CreateJobRequest) -> None:
    command = read_create(request, JOB, READ)
    stored = StoredSpecs()
    for instance in range(command.spec.instance_count):
        assert stored.of_pod(command.spec, instance, "p").containers


READERS: list[tuple[Descriptor, Callable[..., object]]] = [
    (jobs.CreateJobRequest.DESCRIPTOR, read_job_creation),
    (jobs.QueryJobsRequest.DESCRIPTOR, lambda it: read_job_query(it.spec, now=NOW)),
    (jobs.QueryPodsRequest.DESCRIPTOR, lambda it: read_pod_query(it, JOB)),
    (watch.WatchRequest.DESCRIPTOR, read_filter),
]


@pytest.mark.parametrize(("descriptor", "read"), READERS, ids=[it.name for it, _ in READERS])
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(data=st.data())
def test_any_request_is_answered_or_refused(
    descriptor: Descriptor, read: Callable[..., object], data: st.DataObject
) -> None:
    request = data.draw(messages(descriptor))
    before = request.SerializeToString(deterministic=True)
    try:
        read(request)
    except Refused as refused:
        assert refused.rejection.reason  # noqa: PT017 - either end is right
    assert request.SerializeToString(deterministic=True) == before


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(data=st.data())
def test_any_two_specs_merge_and_stay_as_they_were(data: st.DataObject) -> None:
    pods = create(job()).spec.default_spec.DESCRIPTOR
    default, own = data.draw(messages(pods)), data.draw(messages(pods))
    before = default.SerializeToString(deterministic=True), own.SerializeToString(deterministic=True)
    merged = merge_pod(default, own)  # type: ignore[arg-type] # made from their descriptor
    again = merge_pod(merged, own)  # type: ignore[arg-type]
    assert merged.SerializeToString(deterministic=True) == again.SerializeToString(deterministic=True)
    assert before == (
        default.SerializeToString(deterministic=True),
        own.SerializeToString(deterministic=True),
    )


WORDS = st.text(st.characters(exclude_characters="/=\0", categories=["L", "N"]), min_size=1, max_size=4)
AMOUNTS = st.floats(min_value=0, max_value=1e6)
CONTAINERS = st.builds(
    ContainerSpec,
    name=WORDS,
    command=st.tuples(WORDS, st.text(max_size=3).filter(lambda it: "\0" not in it)),
    environment=st.dictionaries(WORDS, WORDS, max_size=2).map(lambda it: tuple(it.items())),
    resources=st.builds(Resources, cpu=AMOUNTS, memory_mb=AMOUNTS, disk_mb=AMOUNTS, gpu=AMOUNTS),
    open_files=st.integers(0, 1000),
    ports=st.lists(
        st.builds(PortSpec, name=WORDS, number=st.integers(1, 65535), variable=WORDS),
        max_size=2,
        unique_by=lambda it: it.name,
    ).map(tuple),
    image=WORDS,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(
    containers=st.lists(CONTAINERS, min_size=1, max_size=4, unique_by=lambda it: it.name),
    first=st.integers(0, 3),
    labels=st.lists(st.tuples(WORDS, WORDS), max_size=3, unique=True).map(sorted).map(tuple),
    grace_s=st.integers(1, 86_400),
    revocable=st.booleans(),
)
def test_a_pod_that_was_spelled_is_read_back(
    *,
    containers: list[ContainerSpec],
    first: int,
    labels: tuple[tuple[str, str], ...],
    grace_s: int,
    revocable: bool,
) -> None:
    first = min(first, len(containers) - 1)
    spec = PodSpec(
        init_containers=tuple(containers[:first]),
        containers=tuple(containers[first:]),
        labels=labels,
        kill_grace_s=grace_s,
        revocable=revocable,
        backoff_s=RULES.backoff_s,
        backoff_max_s=RULES.backoff_max_s,
    )
    assert read_pod_spec(spell_pod_spec(spec), "spec", JobTerms(rules=RULES)) == spec
