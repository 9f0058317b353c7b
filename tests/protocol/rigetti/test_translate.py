"""Translation: keys, targets, limits, values, spellings, what is stored."""

import math
import uuid
from collections.abc import Mapping

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st

from actors.effects.quantum.memory import Integers, MemoryValue, Octets, Reals
from actors.effects.quantum.result import Result
from actors.kernel.decider import Code
from events.task import FailureKind, TaskPhase
from projections.queues import Delay
from projections.tasks import TaskView
from protocol.gateway import Refused
from protocol.pb.rigetti.controller import job_pb2
from protocol.pb.rigetti.controller import service_pb2 as pb
from protocol.rigetti.errors import CODES
from protocol.rigetti.translate.keys import read_key
from protocol.rigetti.translate.limits import Limits
from protocol.rigetti.translate.refusal import invalid, within
from protocol.rigetti.translate.spelling import FAILURES, STATUSES, spell_result, spell_status
from protocol.rigetti.translate.stored import read_stored, store_arguments, store_program
from protocol.rigetti.translate.targets import Targets
from protocol.rigetti.translate.values import read_patches, spell_value

LIMITS = Limits(default_us=60_000_000, maximum_us=3_600_000_000)
TARGETS = Targets({"a": ("e1", "e2"), "b": ("e2", "e3")})
bits = st.integers(0, 2**64 - 1)
values = st.one_of(
    st.binary(max_size=5).map(Octets),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4).map(lambda each: Integers(tuple(each))),
    st.lists(st.floats(allow_nan=False), max_size=4).map(lambda each: Reals(tuple(each))),
)


def view(phase: TaskPhase, *, kind: FailureKind | None = None) -> TaskView:
    return TaskView(
        id="1",
        worker="worker/a",
        principal="ann",
        origin="rigetti",
        phase=phase,
        limit_us=1,
        keep_us=1,
        estimate_us=0,
        place=1,
        queued_at=1,
        held_us=17,
        kind=kind,
        message="" if kind is None else "why",
    )


# ---------------------------------------------------------------- keys


@given(bits, bits)
def test_a_key_is_a_uuid_of_version_4(high: int, low: int) -> None:
    it = uuid.UUID(int=high << 64 | low)
    is_good = it.variant == uuid.RFC_4122 and it.version == 4
    key = pb.Uuid(high=high, low=low)
    if is_good:
        assert read_key(key) == f"uuid {it.hex}"
    else:
        with pytest.raises(Refused, match="version 4"):
            read_key(key)


@given(st.uuids(version=4))
def test_every_uuid_of_version_4_is_a_key(it: uuid.UUID) -> None:
    assert read_key(pb.Uuid(high=it.int >> 64, low=it.int & (2**64 - 1))) == f"uuid {it.hex}"


# ---------------------------------------------------------------- targets


@pytest.mark.parametrize(
    ("given_", "processor"),
    [
        ({"quantum_processor_id": "a"}, "a"),
        ({"endpoint_id": "e1"}, "a"),
        ({"endpoint_id": "e2"}, "a"),
        ({"endpoint_id": "e3"}, "b"),
    ],
)
def test_a_target_is_found(given_: Mapping[str, str], processor: str) -> None:
    request = pb.ExecuteControllerJobRequest(**given_)  # type: ignore[arg-type] # any
    assert TARGETS.chosen(request) == processor
    status = pb.GetControllerJobStatusRequest(**given_)
    assert TARGETS.is_of(status, f"worker/{processor}")
    assert not TARGETS.is_of(status, "worker/c")


@pytest.mark.parametrize(
    ("given_", "code"),
    [
        ({"quantum_processor_id": "e1"}, Code.NOT_FOUND),
        ({"endpoint_id": "a"}, Code.NOT_FOUND),
        ({"quantum_processor_id": ""}, Code.INVALID),
        ({"endpoint_id": ""}, Code.INVALID),
        ({}, Code.INVALID),
    ],
)
def test_a_target_is_refused(given_: Mapping[str, str], code: Code) -> None:
    with pytest.raises(Refused) as caught:
        TARGETS.chosen(pb.ExecuteControllerJobRequest(**given_))  # type: ignore[arg-type] # any
    assert caught.value.rejection.code is code


def test_the_only_processor_needs_no_name() -> None:
    assert Targets({"a": ()}).chosen(pb.ExecuteControllerJobRequest()) == "a"
    assert TARGETS.is_of(pb.GetControllerJobStatusRequest(), "worker/anything")


# ---------------------------------------------------------------- limits


def options(seconds: int, nanos: int = 0) -> pb.ExecutionOptions:
    return pb.ExecutionOptions(timeout=Duration(seconds=seconds, nanos=nanos))


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1))
def test_a_limit_is_taken_as_it_is_or_refused(seconds: int, nanos: int) -> None:
    is_formed = abs(nanos) < 10**9 and seconds * nanos >= 0
    total = seconds * 10**9 + nanos
    if is_formed and 0 < total <= 3600 * 10**9:
        assert LIMITS.asked(options(seconds, nanos)) == max(1, total // 1000)
    else:
        with pytest.raises(Refused, match=r"options\.timeout"):
            LIMITS.asked(options(seconds, nanos))


def test_a_limit_follows_from_the_estimate_or_the_settings() -> None:
    assert LIMITS.asked(pb.ExecutionOptions()) == 0
    assert LIMITS.derived(0) == 60_000_000
    assert LIMITS.derived(5) == 5
    assert LIMITS.derived(10**12) == 3_600_000_000
    assert LIMITS.asked(options(3600)) == 3_600_000_000


# ---------------------------------------------------------------- values, what is stored


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), values, max_size=3))
def test_values_come_back(patches: dict[str, MemoryValue]) -> None:
    configuration = job_pb2.JobExecutionConfiguration()
    for name, value in patches.items():
        configuration.memory_values[name].CopyFrom(spell_value(value))
    assert read_patches(configuration) == patches


@given(st.binary(max_size=20), st.text(max_size=5), st.integers(0, 9), st.booleans())
def test_what_is_stored_comes_back(job: bytes, key_id: str, place: int, is_patched: bool) -> None:  # noqa: FBT001
    sent = job_pb2.EncryptedControllerJob(job=job)
    try:
        sent.encryption.key_id = key_id
    except UnicodeEncodeError:
        return
    configuration = job_pb2.JobExecutionConfiguration()
    if is_patched:
        configuration.memory_values["theta"].real.data.append(math.pi)
    arguments = store_arguments(place, configuration)
    assert (arguments is None) == (place == 0 and not is_patched)
    stored = read_stored(store_program(sent, 7), arguments)
    assert (stored.job, stored.max_qubits, stored.place, stored.configuration) == (
        sent,
        7,
        place,
        configuration,
    )


# ---------------------------------------------------------------- spelling


def test_every_phase_has_a_status_and_every_failure_a_kind() -> None:
    assert set(STATUSES) == set(TaskPhase) - {TaskPhase.DELETED}
    assert set(FAILURES) == set(FailureKind)
    assert set(CODES) == set(Code)
    assert pb.GetControllerJobStatusResponse.UNKNOWN not in STATUSES.values()


def test_numbers_are_those_of_the_interface() -> None:
    assert [STATUSES[phase] for phase in TaskPhase if phase in STATUSES] == [1, 1, 2, 6, 3, 4, 5]
    assert [FAILURES[kind] for kind in FailureKind] == [2, 3, 3]


@given(st.integers(0, 2**53), st.integers(0, 2**40), st.integers(0, 2**40))
def test_delays_are_spelled_with_their_moment(now: int, least: int, more: int) -> None:
    told = spell_status(view(TaskPhase.QUEUED), Delay(least, least + more), now)
    delay = told.estimated_job_completion_delay
    assert (delay.minimum.ToMicroseconds(), delay.maximum.ToMicroseconds()) == (least, least + more)
    assert delay.now.ToMicroseconds() == now
    ended = spell_status(view(TaskPhase.FAILED), Delay(0, 0), now).estimated_job_completion_delay
    assert ended.HasField("minimum")
    assert ended.HasField("maximum")
    assert ended.HasField("now")


def test_a_result_has_everything() -> None:
    result = Result((("ro[0]", b"\1\0\1"),), (("ro", Octets(b"\1")), ("theta", Reals((0.5,)))))
    told = spell_result(view(TaskPhase.SUCCEEDED), result.to_bytes()).result
    assert told.status == 1
    assert not told.HasField("status_message")
    assert told.execution_duration_microseconds == 17
    assert list(told.readout_values["ro[0]"].integer_values.values) == [1, 0, 1]
    assert told.memory_values["ro"].binary.data == b"\1"
    assert list(told.memory_values["theta"].real.data) == [0.5]


@pytest.mark.parametrize(
    ("task", "status"),
    [
        (view(TaskPhase.FAILED, kind=FailureKind.SERVICE), 2),
        (view(TaskPhase.FAILED, kind=FailureKind.USER), 3),
        (view(TaskPhase.FAILED, kind=FailureKind.TIMEOUT), 3),
        (view(TaskPhase.CANCELLED), 4),
    ],
)
def test_what_went_wrong_is_said(task: TaskView, status: int) -> None:
    told = spell_result(task, None).result
    assert told.status == status
    assert told.status_message
    assert not told.readout_values


def test_a_refusal_says_where() -> None:
    with pytest.raises(Refused) as caught, within("requests[3]"):
        raise invalid("job", "must be given")
    assert caught.value.rejection.field == "requests[3].job"
    assert caught.value.rejection.reason == "requests[3]: job: must be given"
