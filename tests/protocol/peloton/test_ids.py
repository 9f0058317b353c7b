"""Ids and versions: what is spelled is read back, and what is none is refused by its field."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.kernel.decider import Code
from protocol.gateway import Refused
from protocol.pb.peloton.api.v1alpha import peloton_pb2 as base
from protocol.peloton.translate import ids

JOBS = st.uuids().map(str)
NUMBERS = st.integers(min_value=0, max_value=ids.MAX_UINT32)
RUNS = st.integers(min_value=0, max_value=ids.MAX_UINT64)


@given(JOBS, NUMBERS, RUNS)
def test_ids_are_read_as_they_were_spelled(job: str, instance: int, run: int) -> None:
    name = ids.PodName(job, instance)
    assert ids.read_job_id(ids.job_id(job)) == job
    assert ids.read_pod_name(base.PodName(value=name.id)) == name
    assert ids.read_pod_id(ids.pod_id(name.id, run)) == (name, run)
    assert ids.read_run(ids.pod_id(name.id, run), name) == run


@given(st.uuids())
def test_upper_case_is_the_same_job(uuid: UUID) -> None:
    assert ids.read_job_id(base.JobID(value=str(uuid).upper())) == str(uuid)


@given(st.text())
def test_any_text_is_an_id_or_is_refused(text: str) -> None:
    readers = (
        lambda: ids.read_job_id(base.JobID(value=text)),
        lambda: ids.read_pod_name(base.PodName(value=text)),
        lambda: ids.read_pod_id(base.PodID(value=text)),
        lambda: ids.read_config(base.EntityVersion(value=text)),
    )
    for read in readers:
        refusals: list[Refused] = []
        try:
            read()
        except Refused as refused:
            refusals.append(refused)
        assert all(it.rejection.code is Code.INVALID and it.rejection.field for it in refusals)


UUID_TEXT = "0190aaaa-bbbb-7ccc-8ddd-eeeeffff0001"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "short-1",
        UUID_TEXT,
        f"{UUID_TEXT}-",
        f"{UUID_TEXT}-x",
        f"{UUID_TEXT}--1",
        f"{UUID_TEXT}-4294967296",
        f"{UUID_TEXT}-1\n",
        f"{UUID_TEXT}-\u0661",
        f"{UUID_TEXT}-1-1",
        UUID_TEXT.replace("-", "") + "-1",
    ],
)
def test_what_is_no_pod_name_is_refused(name: str) -> None:
    with pytest.raises(Refused) as refused:
        ids.read_pod_name(base.PodName(value=name))
    assert refused.value.rejection.field == "pod_name"


@pytest.mark.parametrize(
    "run", [f"{UUID_TEXT}-1", f"{UUID_TEXT}-1-x", f"{UUID_TEXT}-1-1-1", f"{UUID_TEXT}-1-18446744073709551616"]
)
def test_what_is_no_pod_id_is_refused(run: str) -> None:
    with pytest.raises(Refused) as refused:
        ids.read_pod_id(base.PodID(value=run))
    assert refused.value.rejection.field == "pod_id"


def test_a_run_of_another_pod_is_refused() -> None:
    with pytest.raises(Refused):
        ids.read_run(base.PodID(value=f"{UUID_TEXT}-2-1"), ids.PodName(UUID_TEXT, 1))


def test_no_run_is_the_latest() -> None:
    assert ids.read_run(base.PodID(), ids.PodName(UUID_TEXT, 1)) is None


@pytest.mark.parametrize("version", ["", "1", "1-1", "1-1-1-1", "a-1-1", "1--1", "-1-1-1"])
def test_a_malformed_version_is_refused(version: str) -> None:
    with pytest.raises(Refused):
        ids.read_config(base.EntityVersion(value=version))


def test_a_version_names_a_configuration() -> None:
    assert ids.read_config(base.EntityVersion(value="12-3-4")) == 12


@pytest.mark.parametrize(
    ("pool", "code"), [("root", Code.INVALID), ("/default", Code.NOT_FOUND), (UUID_TEXT, Code.NOT_FOUND)]
)
def test_pools_that_take_no_jobs(pool: str, code: Code) -> None:
    with pytest.raises(Refused) as refused:
        ids.read_pool(base.ResourcePoolID(value=pool), "spec.respool_id")
    assert refused.value.rejection.code is code


@pytest.mark.parametrize("pool", ["", "default"])
def test_the_default_pool(pool: str) -> None:
    assert ids.read_pool(base.ResourcePoolID(value=pool), "spec.respool_id") == "default"
