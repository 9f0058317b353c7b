"""Questions: filters, orders, windows, and what they may not be."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from events.job import JobPhase
from events.pod import PodPhase
from projections.queries import JobOrder, JobQuery, PodOrder
from protocol.gateway import Refused
from protocol.pb.peloton.api.v1alpha import peloton_pb2 as base
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2 as stateless
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as svc
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.pb.peloton.api.v1alpha.query import query_pb2 as query
from protocol.pb.peloton.api.v1alpha.respool import respool_pb2 as respool
from protocol.peloton.translate.job_query import ORDERS as JOB_PROPERTIES
from protocol.peloton.translate.job_query import read_job_query
from protocol.peloton.translate.pod_query import ORDERS as POD_PROPERTIES
from protocol.peloton.translate.pod_query import read_pod_query
from protocol.peloton.translate.times import FOREVER
from tests.protocol.peloton.fake import JOB, NOW
from tests.protocol.peloton.messages import label

WEEK = 7 * 86_400 * 10**6


def ask(**fields: object) -> JobQuery:
    found, _ = read_job_query(jobs(**fields), now=NOW)
    assert found is not None
    return found


def jobs(**fields: object) -> stateless.QuerySpec:
    return stateless.QuerySpec(**fields)  # type: ignore[arg-type] # fields of any type


def pods(**fields: object) -> svc.QueryPodsRequest:
    return svc.QueryPodsRequest(**fields)  # type: ignore[arg-type] # fields of any type


def by(name: str, order: query.OrderBy.Order.ValueType = query.OrderBy.ORDER_BY_ASC) -> query.OrderBy:
    return query.OrderBy(property=query.PropertyPath(value=name), order=order)


def test_nothing_asked_is_the_ten_newest() -> None:
    assert ask() == JobQuery(limit=10, count_limit=100)


def test_filters() -> None:
    asked = ask(
        labels=[label("a", "1")],
        keywords=["x", ""],
        owner="ann",
        name="we",
        job_states=[stateless.JOB_STATE_RUNNING],
        respool=respool.ResourcePoolPath(value="/default"),
    )
    assert (asked.labels, asked.keywords, asked.owner) == ((("a", "1"),), ("x",), "ann")
    assert (asked.name_contains, asked.phases, asked.pool) == ("we", (JobPhase.RUNNING,), "default")
    assert asked.created is None


def test_a_terminal_state_without_a_time_looks_at_the_last_week() -> None:
    created = ask(job_states=[stateless.JOB_STATE_RUNNING, stateless.JOB_STATE_KILLED]).created
    assert created is not None
    assert NOW - WEEK - 60 * 10**6 < created[0] <= NOW - WEEK
    assert created[1] == FOREVER


def test_a_time_range_lifts_the_last_week() -> None:
    since = base.TimeRange(min=Timestamp(seconds=5, nanos=1))
    asked = ask(job_states=[stateless.JOB_STATE_KILLED], completion_time_range=since)
    assert (asked.created, asked.ended) == (None, (5_000_001, FOREVER))


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (jobs(respool={"value": "/nope"}), "spec.respool"),
        (jobs(pagination={"order_by": [by("nope")]}), "spec.pagination.order_by[0].property"),
        (jobs(pagination={"order_by": [by("name")] * 4}), "spec.pagination.order_by"),
        (jobs(name="n" * 2000), "spec.name"),
        (jobs(keywords=["k"] * 101), "spec.keywords"),
        (
            jobs(creation_time_range={"min": {"seconds": 2}, "max": {"seconds": 1}}),
            "spec.creation_time_range",
        ),
        (
            jobs(creation_time_range={"min": {"seconds": 2**60}}),
            "spec.creation_time_range.min",
        ),
    ],
)
def test_what_may_not_be_asked(spec: stateless.QuerySpec, field: str) -> None:
    with pytest.raises(Refused) as refused:
        read_job_query(spec, now=NOW)
    assert refused.value.rejection.field == field


def test_every_offered_order_of_jobs_is_one_of_the_tables() -> None:
    assert set(JOB_PROPERTIES.values()) == set(JobOrder)
    for name, order in JOB_PROPERTIES.items():
        asked = ask(pagination={"order_by": [by(name, query.OrderBy.ORDER_BY_DESC), by(name)]})
        assert asked.order == ((order, True),)


@pytest.mark.parametrize(
    ("offset", "limit", "max_limit", "asked", "told"),
    [
        (0, 0, 0, 10, 10),
        (95, 10, 0, 5, 10),
        (100, 10, 0, 0, 10),
        (0, 50_000, 0, 100, 10_000),
        (0, 50_000, 100_000, 10_000, 10_000),
        (4_294_967_295, 10, 0, 0, 10),
    ],
)
def test_windows_of_jobs(*, offset: int, limit: int, max_limit: int, asked: int, told: int) -> None:
    spec = jobs(pagination={"offset": offset, "limit": limit, "max_limit": max_limit})
    found, window = read_job_query(spec, now=NOW)
    assert found is not None
    assert (found.limit, found.count_limit) == (asked, max_limit or 100)
    assert window.spell(7) == query.Pagination(offset=offset, limit=told, total=7)


def test_a_state_that_no_job_is_ever_in_matches_nothing() -> None:
    found, _ = read_job_query(jobs(job_states=[stateless.JOB_STATE_INITIALIZED]), now=NOW)
    assert found is None


def test_the_root_pool_has_no_jobs_of_its_own() -> None:
    assert ask(respool={"value": "/"}).pool == "root"


def test_pods_of_a_job() -> None:
    request = svc.QueryPodsRequest(
        spec=pod_pb2.QuerySpec(
            pod_states=[pod_pb2.POD_STATE_RUNNING], hosts=["h1"], names=[base.PodName(value=f"{JOB}-1")]
        )
    )
    found, _ = read_pod_query(request, JOB)
    assert found is not None
    assert (found.owner, found.phases, found.hosts) == (f"job/{JOB}", (PodPhase.RUNNING,), ("h1",))
    assert (found.ids, found.order) == ((f"{JOB}-1",), ((PodOrder.INSTANCE, False),))


def test_paging_of_the_request_counts_where_the_spec_has_none() -> None:
    top = query.PaginationSpec(limit=3)
    _, window = read_pod_query(svc.QueryPodsRequest(pagination=top), JOB)
    assert window.limit == 3
    own = pod_pb2.QuerySpec(pagination=query.PaginationSpec(limit=4))
    _, window = read_pod_query(svc.QueryPodsRequest(pagination=top, spec=own), JOB)
    assert window.limit == 4


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (
            pods(pagination={"order_by": [by("instance_id")]}),
            "pagination.order_by[0].property",
        ),
        (pods(spec={"names": [{"value": "web"}]}), "spec.names[0]"),
        (pods(spec={"hosts": ["h"] * 10_001}), "spec.hosts"),
    ],
)
def test_what_may_not_be_asked_of_pods(request_: svc.QueryPodsRequest, field: str) -> None:
    with pytest.raises(Refused) as refused:
        read_pod_query(request_, JOB)
    assert refused.value.rejection.field == field


def test_pods_are_ordered_by_what_the_original_orders_by() -> None:
    assert set(POD_PROPERTIES) == {
        "creation_time",
        "host",
        "instanceId",
        "message",
        "name",
        "reason",
        "state",
    }
