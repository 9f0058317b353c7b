"""A spec that was read before is the same object, and what was refused is refused again."""

import pytest

from protocol.gateway import Refused
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2 as stateless
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.peloton.translate.job_spec import read_job_spec
from protocol.peloton.translate.known_specs import KnownSpecs
from protocol.peloton.translate.rules import Rules

RULES = Rules()


def spec(name: str, *, count: int = 1) -> stateless.JobSpec:
    container = pod_pb2.ContainerSpec(name="main", entrypoint=pod_pb2.CommandSpec(value="true"))
    return stateless.JobSpec(
        name=name, instance_count=count, default_spec=pod_pb2.PodSpec(containers=[container])
    )


def test_equal_specs_are_one_object_and_others_are_not() -> None:
    known = KnownSpecs(RULES)
    assert known.read(spec("a")) is known.read(spec("a"))
    assert known.read(spec("a")) == read_job_spec(spec("a"), RULES)
    assert known.read(spec("b")) == read_job_spec(spec("b"), RULES) != known.read(spec("a"))


def test_what_is_kept_is_bounded_and_least_recently_used_goes_first() -> None:
    known = KnownSpecs(RULES, kept_bytes=3 * spec("a").ByteSize())
    first = known.read(spec("a"))
    for name in ("b", "c"):
        known.read(spec(name))
    assert known.read(spec("a")) is first
    known.read(spec("d"))
    assert known.read(spec("a")) is first
    for name in ("e", "f", "g"):
        known.read(spec(name))
    assert known.read(spec("a")) is not first


def test_a_refused_spec_is_refused_again() -> None:
    known = KnownSpecs(Rules(instances_per_job=1))
    for _ in range(2):
        with pytest.raises(Refused):
            known.read(spec("a", count=2))
