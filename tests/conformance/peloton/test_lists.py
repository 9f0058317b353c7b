"""Finding jobs and pods: by name, by filter, in order, page by page."""

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import product

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from protocol.pb.peloton.api.v1alpha import peloton_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as svc
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.pb.peloton.api.v1alpha.query import query_pb2
from protocol.pb.peloton.api.v1alpha.respool import respool_pb2
from tests.conformance.peloton.client import Client, Code, job_id, pod_name, refused, unique
from tests.protocol.peloton.messages import container, job, label, pod

Key = Callable[[stateless_pb2.JobSummary], str | int]
ASC, DESC = query_pb2.OrderBy.ORDER_BY_ASC, query_pb2.OrderBy.ORDER_BY_DESC


def pages(*orders: tuple[str, query_pb2.OrderBy.Order.ValueType], **fields: int) -> query_pb2.PaginationSpec:
    order_by = [
        query_pb2.OrderBy(order=order, property=query_pb2.PropertyPath(value=name)) for name, order in orders
    ]
    return query_pb2.PaginationSpec(order_by=order_by, **fields)


def query(client: Client, **fields: object) -> svc.QueryJobsResponse:
    spec = stateless_pb2.QuerySpec(**fields)  # type: ignore[arg-type] # any
    return client.jobs.QueryJobs(svc.QueryJobsRequest(spec=spec), timeout=60)


def found(client: Client, **fields: object) -> list[str]:
    return [record.job_id.value for record in query(client, **fields).records]


def query_pods(client: Client, job_: str, **fields: object) -> svc.QueryPodsResponse:
    request = svc.QueryPodsRequest(job_id=job_id(job_), spec=pod_pb2.QuerySpec(**fields))  # type: ignore[arg-type]
    return client.jobs.QueryPods(request, timeout=60)


def numbers(answer: svc.QueryPodsResponse) -> list[int]:
    return [int(it.status.pod_id.value.split("-")[5]) for it in answer.pods]


@pytest.fixture(scope="module")
def tag(client: Client) -> str:
    """A label of twelve jobs of this module, their names in the order of their creation."""
    tag = unique("tag")
    for number in range(12):
        client.create(
            job(
                name=f"{tag}-{number:02}",
                owner="even" if number % 2 == 0 else "odd",
                instance_count=number % 3,
                labels=[label("tag", tag), label("third", str(number % 3))],
            )
        )
    return tag


def named(client: Client, name: str) -> list[str]:
    request = svc.GetJobIDFromJobNameRequest(job_name=name)
    return [it.value for it in client.jobs.GetJobIDFromJobName(request, timeout=60).job_id]


def test_a_name_has_every_id_that_ever_had_it_newest_first(client: Client) -> None:
    name = unique()
    made = [client.create(job(name=name, instance_count=1)) for _ in range(4)]
    assert named(client, name) == [each.id for each in reversed(made)]
    client.delete(made[2].id, made[2].version, force=True)
    client.await_deleted(made[2].id)
    assert named(client, name) == [each.id for each in reversed(made)]
    for nobody in ("", name[:-1], name.upper()):
        with refused(Code.NOT_FOUND):
            named(client, nobody)


def test_a_job_is_found_under_every_name_it_had(client: Client) -> None:
    names = [unique() for _ in range(5)]
    made = client.create(job(name=names[0], instance_count=0))
    version = peloton_pb2.EntityVersion(value=made.version)
    for name in names[1:]:  # so fast that whoever keeps names sees the last alone
        request = svc.ReplaceJobRequest(
            job_id=job_id(made.id), version=version, spec=job(name=name, instance_count=0)
        )
        version = client.jobs.ReplaceJob(request).version
    assert [named(client, name) for name in names] == [[made.id]] * 5


def test_a_page_has_ten_jobs_newest_first(client: Client, tag: str) -> None:
    answer = query(client, labels=[label("tag", tag)])
    assert [it.name for it in answer.records] == [f"{tag}-{number:02}" for number in range(11, 1, -1)]
    assert (answer.pagination.offset, answer.pagination.limit, answer.pagination.total) == (0, 10, 12)
    assert answer.spec.labels == [label("tag", tag)]


@pytest.mark.parametrize(
    ("window", "places", "total"),
    [
        ({"offset": 10}, [1, 0], 12),
        ({"offset": 12}, [], 12),
        ({"offset": 4_000_000_000}, [], 12),
        ({"limit": 3}, [11, 10, 9], 12),
        ({"limit": 3, "offset": 3}, [8, 7, 6], 12),
        ({"limit": 4_000_000_000}, [*range(11, -1, -1)], 12),
        ({"limit": 50, "max_limit": 5}, [11, 10, 9, 8, 7], 5),
        ({"limit": 5, "offset": 4, "max_limit": 6}, [7, 6], 6),
    ],
)
def test_pages(client: Client, tag: str, window: dict[str, int], places: list[int], total: int) -> None:
    answer = query(client, labels=[label("tag", tag)], pagination=pages(**window))
    assert [it.name for it in answer.records] == [f"{tag}-{number:02}" for number in places]
    assert answer.pagination.total == total


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("name", lambda it: it.name),
        ("owner", lambda it: it.owner),
        ("instance_count", lambda it: it.instance_count),
        ("creation_time", lambda it: it.status.creation_time),
    ],
)
@pytest.mark.parametrize("order", [ASC, DESC])
def test_orders(
    client: Client, tag: str, name: str, key: Key, order: query_pb2.OrderBy.Order.ValueType
) -> None:
    def part(offset: int) -> Sequence[stateless_pb2.JobSummary]:
        pagination = pages((name, order), limit=5, offset=offset)
        return query(client, labels=[label("tag", tag)], pagination=pagination).records

    jobs = [*part(0), *part(5), *part(10)]
    keys = [key(it) for it in jobs]
    assert keys == sorted(keys, reverse=order == DESC)
    assert len({it.job_id.value for it in jobs}) == 12  # pages neither repeat nor leave out


def test_every_order_is_taken_and_others_are_refused(client: Client, tag: str) -> None:
    for name in ("completion_time", "state", "respool_id"):
        answer = query(client, labels=[label("tag", tag)], pagination=pages((name, ASC)))
        assert len(answer.records) == 10
    for name in ("", "nonsense", "Name", "name;--"):
        with refused(Code.INVALID_ARGUMENT, "property"):
            query(client, pagination=pages((name, ASC)))


def test_keywords_are_looked_for_in_what_the_client_wrote(client: Client) -> None:
    word = unique("word")
    made = client.create(
        job(
            name="described",
            owning_team=f"Team-{word}",
            description=f"Serves\nthe {word.upper()} page",
            ldap_groups=[f"group-{word}"],
            default_spec=pod(container(f"exec {word}"), labels=[label("kind", f"label-{word}")]),
            instance_count=1,
        )
    )
    for keyword in (
        "serves",
        f"the {word} page",
        f"team-{word}",
        f"group-{word}",
        f"label-{word}",
        f"exec {word}",
    ):
        request = svc.QueryJobsRequest(spec=stateless_pb2.QuerySpec(keywords=[keyword, word]))
        assert [it.job_id.value for it in client.jobs.QueryJobs(request, timeout=60).records] == [made.id]
    # What the server itself says of every pod, and names of fields, are not in it.
    for keyword in ("peloton.job_type", "PELOTON_JOB_NAME", "DefaultResPool", "owning_team"):
        request = svc.QueryJobsRequest(spec=stateless_pb2.QuerySpec(keywords=[keyword, word]))
        assert not client.jobs.QueryJobs(request, timeout=60).records


def test_filters_of_jobs(client: Client, tag: str) -> None:
    mine = [label("tag", tag)]
    assert len(found(client, labels=[*mine, label("third", "1")])) == 4  # all labels must match
    assert found(client, labels=[*mine, label("third", "3")]) == []
    assert len(found(client, labels=mine, owner="even")) == 6
    assert found(client, labels=mine, owner="Even") == found(client, labels=mine, owner="eve") == []
    assert found(client, name=f"{tag}-0", owner="odd", pagination=pages(limit=99)) == found(
        client, labels=mine, owner="odd", name=f"{tag[-4:]}-0", pagination=pages(limit=99)
    )
    assert found(client, name=tag.upper()) == []
    assert len(found(client, keywords=["tHIRd", f"{tag}-11".upper()])) == 1  # in any case, all must occur
    assert found(client, keywords=["third", f"{tag}-10", f"{tag}-11"]) == []
    assert len(found(client, labels=mine, keywords=["%", "_"])) == 0  # no pattern of some language
    assert len(found(client, labels=mine, respool=respool_pb2.ResourcePoolPath(value="/default"))) == 10
    with refused(Code.INVALID_ARGUMENT, "respool"):
        found(client, respool=respool_pb2.ResourcePoolPath(value="/nowhere"))


def test_filters_by_state(client: Client) -> None:
    name = unique()
    runs = client.run(job(name=name, instance_count=1))
    gone = client.run(job(name=name, instance_count=1))
    client.stop(gone.id, gone.version)
    client.await_state(gone.id, stateless_pb2.JOB_STATE_KILLED)
    running, killed = stateless_pb2.JOB_STATE_RUNNING, stateless_pb2.JOB_STATE_KILLED
    assert found(client, name=name, job_states=[running]) == [runs.id]
    assert found(client, name=name, job_states=[killed]) == [gone.id]
    assert found(client, name=name, job_states=[running, killed]) == [gone.id, runs.id]
    assert found(client, name=name, job_states=[stateless_pb2.JOB_STATE_INITIALIZED]) == []
    answer = query(client, name=name, job_states=[stateless_pb2.JOB_STATE_DELETED])
    assert list(answer.records) == []
    client.delete(gone.id, "1-2-1")
    client.await_deleted(gone.id)
    assert found(client, name=name) == [runs.id]


def test_filters_by_time(client: Client) -> None:
    name = unique()
    made = [client.create(job(name=name, instance_count=0)) for _ in range(3)]
    times = [moment(client.get(each.id).status.creation_time) for each in made]

    def between(first: Timestamp | None, last: Timestamp | None) -> list[str]:
        wanted = peloton_pb2.TimeRange(min=first, max=last)
        return found(client, name=name, creation_time_range=wanted)

    newest_first = [each.id for each in reversed(made)]
    assert between(times[0], None) == newest_first
    assert between(times[0], times[2]) == newest_first[1:]  # the end is outside
    assert between(None, times[0]) == []
    assert between(times[1], times[1]) == []
    with refused(Code.INVALID_ARGUMENT, "creation_time_range"):
        between(times[2], times[0])
    client.run(job(name=name, instance_count=1))  # has not completed
    ever = (Timestamp(seconds=-1), Timestamp(), times[0], None), (Timestamp(seconds=2**32), None)
    for first, last in product(*ever):
        completed = peloton_pb2.TimeRange(min=first, max=last)
        assert found(client, name=name, completion_time_range=completed) == newest_first


def test_list_jobs_tells_each_job_once(client: Client, tag: str) -> None:
    listed = [it for answer in client.jobs.ListJobs(svc.ListJobsRequest(), timeout=60) for it in answer.jobs]
    ids = [it.job_id.value for it in listed]
    assert len(set(ids)) == len(ids)
    mine = [it.name for it in listed if it.name.startswith(tag)]
    assert mine == [f"{tag}-{number:02}" for number in range(11, -1, -1)]


def test_list_pods_takes_a_half_open_range(client: Client) -> None:
    made = client.run(job(instance_count=12))

    def listed(**fields: int) -> list[int]:
        wanted = pod_pb2.InstanceIDRange(**fields) if fields else None
        request = svc.ListPodsRequest(job_id=job_id(made.id), range=wanted)
        answers = list(client.jobs.ListPods(request, timeout=60))
        assert all(len(answer.pods) == 1 for answer in answers)
        return [int(answer.pods[0].pod_name.value.rpartition("-")[2]) for answer in answers]

    assert listed() == list(range(12))
    assert listed(**{"from": 3, "to": 5}) == [3, 4]
    assert listed(**{"from": 10, "to": 99}) == [10, 11]
    assert listed(**{"from": 5, "to": 5}) == listed(**{"from": 9, "to": 3}) == []
    assert listed(**{"from": 0, "to": 4_294_967_295}) == list(range(12))


def test_queries_of_pods(client: Client) -> None:
    made = client.run(job(instance_count=12))
    for number in (3, 7):
        client.stop_pod(f"{made.id}-{number}")
    client.await_pods(made.id, "KILLED", 2)
    answer = query_pods(client, made.id)
    assert numbers(answer) == list(range(10))
    assert (answer.pagination.limit, answer.pagination.total) == (10, 12)
    assert numbers(query_pods(client, made.id, pagination=pages(offset=10))) == [10, 11]
    assert numbers(query_pods(client, made.id, pagination=pages(offset=99))) == []
    assert numbers(query_pods(client, made.id, pod_states=[pod_pb2.POD_STATE_KILLED])) == [3, 7]
    assert numbers(query_pods(client, made.id, pod_states=[pod_pb2.POD_STATE_READY])) == []
    wanted = [pod_name(f"{made.id}-{number}") for number in (11, 2)]
    assert numbers(query_pods(client, made.id, names=wanted)) == [2, 11]
    assert numbers(query_pods(client, made.id, names=[pod_name(f"{uuid.uuid4()}-1")])) == []
    host = client.pod(f"{made.id}-0").current.status.host
    assert 0 in numbers(query_pods(client, made.id, hosts=[host]))
    assert numbers(query_pods(client, made.id, hosts=["nowhere", host[:-1]])) == []
    down = pages(("instanceId", DESC), limit=3)
    assert numbers(query_pods(client, made.id, pagination=down)) == [11, 10, 9]
    by_state = pages(("state", ASC), ("instanceId", DESC), limit=99)
    assert len(numbers(query_pods(client, made.id, pagination=by_state))) == 12
    for name in ("creation_time", "host", "message", "name", "reason"):
        assert len(numbers(query_pods(client, made.id, pagination=pages((name, DESC), limit=99)))) == 12
    with refused(Code.INVALID_ARGUMENT, "property"):
        query_pods(client, made.id, pagination=pages(("pod_id", ASC)))
    top = svc.QueryPodsRequest(job_id=job_id(made.id), pagination=pages(limit=2, offset=1), summary_only=True)
    page = client.jobs.QueryPods(top)
    assert numbers(page) == [1, 2]
    assert not any(it.HasField("spec") for it in page.pods)
    assert all(it.HasField("spec") for it in answer.pods)


def test_a_pod_that_waits_says_why_in_every_list(client: Client) -> None:
    needs = pod_pb2.ResourceSpec(gpu_limit=1)
    made = client.create(job(instance_count=1, default_spec=pod(container(resource=needs))))
    client.await_pod(f"{made.id}-0", lambda it: it.reason != "")
    (row,) = query_pods(client, made.id).pods
    assert "gpu" in row.status.reason
    (answer,) = client.jobs.ListPods(svc.ListPodsRequest(job_id=job_id(made.id)))
    assert answer.pods[0].status.reason == row.status.reason


def test_a_job_counts_its_pods_where_every_list_has_them(client: Client) -> None:
    """Pods that wait, that run and that were stopped: all that tells of the job agrees."""
    placed = pod(container(resource=pod_pb2.ResourceSpec(cpu_limit=0.1)))
    spec = job(
        name=unique(),
        instance_count=12,
        default_spec=pod(container(resource=pod_pb2.ResourceSpec(gpu_limit=1))),
        instance_spec=dict.fromkeys(range(3), placed),
    )
    made = client.create(spec)
    client.await_pods(made.id, "RUNNING", 3)
    client.stop_pod(f"{made.id}-0")
    client.await_pods(made.id, "KILLED", 1)
    for number in range(3, 12):
        client.await_pod(f"{made.id}-{number}", lambda it: it.state == pod_pb2.POD_STATE_PENDING)
    request = svc.ListPodsRequest(job_id=job_id(made.id))
    states = [pod_.status.state for it in client.jobs.ListPods(request) for pod_ in it.pods]
    counts = Counter(pod_pb2.PodState.Name(state) for state in states)
    assert counts == {"POD_STATE_PENDING": 9, "POD_STATE_RUNNING": 2, "POD_STATE_KILLED": 1}
    cached = client.jobs.GetJobCache(svc.GetJobCacheRequest(job_id=job_id(made.id))).status
    summaries = (
        client.read(made.id, summary_only=True).summary,
        *query(client, name=spec.name).records,
        *(it for answer in client.jobs.ListJobs(svc.ListJobsRequest()) for it in answer.jobs),
    )
    told = [each.status for each in summaries if each.job_id.value == made.id]
    assert len(told) == 3
    for status in (client.get(made.id).status, cached, *told):
        assert Counter({state: count for state, count in status.pod_stats.items() if count}) == counts
        by_config = status.pod_stats_by_configuration_version
        assert {version: dict(each.state_stats) for version, each in by_config.items()} == {"1-0-0": counts}
        assert dict(status.pod_configuration_version_stats) == {"1-0-0": 12}


def moment(text: str) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(datetime.fromisoformat(text).astimezone(UTC))
    return stamp
