"""Watching: what is told, from where on, to whom, and how a watch ends."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.pb.peloton.api.v1alpha.watch.svc import watch_svc_pb2
from tests.conformance.peloton.client import (
    Client,
    Code,
    job_id,
    pod_name,
    refused,
    unique,
    watch_jobs,
    watch_pods,
)
from tests.conformance.peloton.server import QUICK, SIMULATED, serving
from tests.conformance.peloton.stubs import Answers
from tests.protocol.peloton.messages import container, job, label, pod

Message = watch_svc_pb2.WatchResponse
DELETED, GONE = stateless_pb2.JOB_STATE_DELETED, pod_pb2.POD_STATE_DELETED
ENDED = (
    pod_pb2.POD_STATE_SUCCEEDED,
    pod_pb2.POD_STATE_FAILED,
    pod_pb2.POD_STATE_LOST,
    pod_pb2.POD_STATE_KILLED,
)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server that takes three watchers of each kind."""
    with serving(tmp_path_factory.mktemp("few"), SIMULATED + QUICK + "[limits]\nwatchers = 3\n") as server:
        yield Client(server.grpc)


def begin(client: Client, request: watch_svc_pb2.WatchRequest) -> Answers[Message]:
    """A watch that has begun."""
    watch = client.watches.Watch(request, timeout=60)
    next(watch)
    return watch


def take(watch: Answers[Message], is_last: Callable[[Message], bool]) -> list[Message]:
    """The messages of a watch up to the last one of interest."""
    told = []
    for message in watch:
        told.append(message)
        if is_last(message):
            break
    watch.cancel()
    return told


def all_gone(count: int) -> Callable[[Message], bool]:
    """The message with which the last of so many pods is gone."""
    gone: set[str] = set()

    def is_last(message: Message) -> bool:
        for it in message.pods:
            assert it.status.state != GONE  # that is a goal, and no state of a run
            if it.status.state in ENDED and it.status.desired_state == GONE:
                gone.add(it.pod_name.value)
        return len(gone) == count

    return is_last


def read_jobs(client: Client, job_: str, end: int) -> list[Message]:
    """All that was ever told of a job up to a revision."""
    return take(begin(client, watch_jobs(job_, start=1)), lambda message: message.revision == end)


def read_pods(client: Client, job_: str) -> list[Message]:
    """All that was ever told of the three pods of a job, which are gone."""
    return take(begin(client, watch_pods(start=1, job_id=job_id(job_))), all_gone(3))


def live_a_life(client: Client) -> tuple[str, int]:
    """A job that is made, stopped and deleted: its id and the revision of its end."""
    labels = [label("life", "short")]
    made = client.run(job(labels=labels, default_spec=pod(container(), labels=labels)))
    client.restart_pod(f"{made.id}-1")
    client.await_run(f"{made.id}-1", 2, pod_pb2.POD_STATE_RUNNING)
    version = client.stop(made.id, made.version)
    client.await_state(made.id, stateless_pb2.JOB_STATE_KILLED)
    watch = client.watches.Watch(watch_jobs(made.id), timeout=60)
    next(watch)
    client.delete(made.id, version)
    for message in watch:
        if message.stateless_jobs[0].status.state == DELETED:
            watch.cancel()
            return made.id, message.revision
    raise AssertionError("the watch ended before the job")


def pod_states(messages: Iterable[Message], name: str) -> list[tuple[str, str]]:
    return [
        (it.status.pod_id.value.rpartition("-")[2], pod_pb2.PodState.Name(it.status.state)[10:])
        for message in messages
        for it in message.pods
        if it.pod_name.value == name
    ]


def test_the_first_message_comes_at_once_and_has_no_changes(client: Client) -> None:
    client.run(job(instance_count=1))
    watch = client.watches.Watch(watch_jobs(), timeout=60)
    first = next(watch)
    watch.cancel()
    assert first.watch_id
    assert first.revision
    assert {field.name for field, _ in first.ListFields()} == {"watch_id", "revision"}


def test_a_watch_needs_a_filter(client: Client) -> None:
    with refused(Code.INVALID_ARGUMENT, "filter"):
        next(client.watches.Watch(watch_svc_pb2.WatchRequest()))


def test_an_empty_filter_is_everything(client: Client) -> None:
    jobs = client.watches.Watch(watch_jobs(), timeout=60)
    pods = client.watches.Watch(watch_pods(), timeout=60)
    next(jobs)
    next(pods)
    made = client.create(job(instance_count=1))
    assert any(it.job_id.value == made.id for message in until_any(jobs) for it in message.stateless_jobs)
    assert any(it.pod_name.value == f"{made.id}-0" for message in until_any(pods) for it in message.pods)
    jobs.cancel()
    pods.cancel()


def until_any(watch: Iterator[Message]) -> list[Message]:
    return [next(watch)]


def test_a_filter_of_pods_wins(client: Client) -> None:
    made = client.run(job(instance_count=1))
    request = watch_pods(job_id=job_id(made.id))
    request.stateless_job_filter.CopyFrom(watch_jobs().stateless_job_filter)
    watch = client.watches.Watch(request, timeout=60)
    next(watch)
    client.stop_pod(f"{made.id}-0")
    message = next(watch)
    watch.cancel()
    assert message.pods
    assert not message.stateless_jobs


def test_unknown_ids_are_told_once_at_first(client: Client) -> None:
    made = client.run(job(instance_count=1))
    nobody = str(uuid.uuid4())
    watch = client.watches.Watch(watch_jobs(made.id, nobody, nobody), timeout=60)
    first = next(watch)
    assert [it.value for it in first.stateless_jobs_not_found] == [nobody]
    client.stop(made.id, made.version)
    assert not next(watch).stateless_jobs_not_found
    watch.cancel()
    names = [pod_name(f"{made.id}-0"), pod_name(f"{made.id}-7")]
    watch = client.watches.Watch(watch_pods(job_id=job_id(made.id), pod_names=names), timeout=60)
    assert [it.value for it in next(watch).pods_not_found] == [f"{made.id}-7"]
    watch.cancel()


@pytest.mark.parametrize("text", ["", "x", "1-2"])
def test_bad_ids_are_refused(client: Client, text: str) -> None:
    for request in (watch_jobs(text), watch_pods(pod_names=[pod_name(text)])):
        with refused(Code.INVALID_ARGUMENT):
            next(client.watches.Watch(request))
    if text:
        with refused(Code.INVALID_ARGUMENT):
            next(client.watches.Watch(watch_pods(job_id=job_id(text))))


def test_history_is_the_whole_past(client: Client) -> None:
    """From revision 1 a watch tells every state that was, of jobs and pods that are gone as well."""
    id_, end = live_a_life(client)
    jobs = read_jobs(client, id_, end)
    states = [it.status.state for message in jobs for it in message.stateless_jobs]
    assert states[0] == stateless_pb2.JOB_STATE_PENDING
    assert states[-1] == DELETED
    assert all(it.job_id.value == id_ for message in jobs for it in message.stateless_jobs)
    wanted = [
        stateless_pb2.JOB_STATE_RUNNING,
        stateless_pb2.JOB_STATE_KILLING,
        stateless_pb2.JOB_STATE_KILLED,
    ]
    places = [states.index(state) for state in wanted]
    assert places == sorted(places)
    pods = read_pods(client, id_)
    revisions = [message.revision for message in pods]
    assert revisions == sorted(set(revisions))
    told = pod_states(pods, f"{id_}-1")
    assert told[0] == ("1", "INITIALIZED")
    one, two = [state for run, state in told if run == "1"], [state for run, state in told if run == "2"]
    order = ["INITIALIZED", "LAUNCHING", "LAUNCHED", "STARTING", "RUNNING", "KILLING", "KILLED"]
    for run in (one, two):
        distinct = list(dict.fromkeys(state for state in run if state in order))
        assert distinct == sorted(distinct, key=order.index)
        assert {"RUNNING", "KILLING"} <= {*distinct}
    assert "KILLED" in two  # the end of run 1 and the beginning of run 2 are one change
    assert told == sorted(told, key=lambda it: it[0])  # runs never go back


def test_the_past_is_told_as_it_was_told_live(client: Client) -> None:
    """Appends may be joined for one who is behind; what a revision says is the same."""
    watch = begin(client, watch_pods(labels=[label("life", "short")]))
    id_, _ = live_a_life(client)
    live = take(watch, all_gone(3))
    past = {it.revision: it for it in read_pods(client, id_)}
    assert len(live) > 5
    for message in live:
        assert past[message.revision] == message


def test_a_watch_resumes_without_gap_or_repetition(client: Client) -> None:
    """Broken off after every message and resumed at the next revision, it tells what one watch tells."""
    id_, end = live_a_life(client)
    whole = read_jobs(client, id_, end)
    assert len(whole) > 5
    pieces: list[Message] = []
    start = 1
    while start <= end:
        pieces += take(begin(client, watch_jobs(id_, start=start)), lambda _: True)
        start = pieces[-1].revision + 1
    assert pieces == whole


def test_a_start_is_inclusive(client: Client) -> None:
    id_, end = live_a_life(client)
    whole = read_jobs(client, id_, end)
    for message in whole:
        watch = begin(client, watch_jobs(id_, start=message.revision))
        assert take(watch, lambda _: True) == [message]


def test_a_start_may_be_the_next_revision_and_no_later(few: Client) -> None:
    made = few.create(job(instance_count=0))
    watch = few.watches.Watch(watch_jobs(), timeout=60)
    head = next(watch).revision
    watch.cancel()
    watch = few.watches.Watch(watch_jobs(start=head + 1), timeout=60)
    assert next(watch).revision == head
    few.stop(made.id, made.version)
    assert next(watch).revision == head + 1
    watch.cancel()
    for start in (head + 1000, 2**64 - 1):
        with refused(Code.INVALID_ARGUMENT, "start"):
            next(few.watches.Watch(watch_jobs(start=start)))


def test_filters_by_label(client: Client) -> None:
    word = unique()
    both = [label("word", word), label("more", "1")]
    watches = {
        "job": client.watches.Watch(watch_jobs(labels=both), timeout=60),
        "pod": client.watches.Watch(watch_pods(labels=both), timeout=60),
        "system": client.watches.Watch(watch_pods(labels=[label("peloton.job_name", word)]), timeout=60),
    }
    for watch in watches.values():
        next(watch)
    client.run(job(labels=both[:1], default_spec=pod(container(), labels=both[1:])))  # one is not enough
    made = client.run(job(name=word, labels=both, default_spec=pod(container(), labels=both)))
    assert next(watches["job"]).stateless_jobs[0].job_id.value == made.id
    for kind in ("pod", "system"):
        assert next(watches[kind]).pods[0].pod_name.value.startswith(made.id)
    for watch in watches.values():
        watch.cancel()


def test_a_filter_by_name_tells_of_that_pod_alone(client: Client) -> None:
    made = client.run(job())
    watch = client.watches.Watch(watch_pods(pod_names=[pod_name(f"{made.id}-1")]), timeout=60)
    next(watch)
    client.stop(made.id, made.version)
    for message in watch:
        assert [it.pod_name.value for it in message.pods] == [f"{made.id}-1"]
        if message.pods[0].status.state == pod_pb2.POD_STATE_KILLED:
            break
    watch.cancel()


@pytest.mark.parametrize("request_", [watch_jobs(), watch_pods()], ids=["jobs", "pods"])
def test_a_watch_is_cancelled_by_its_id(client: Client, request_: watch_svc_pb2.WatchRequest) -> None:
    watch = client.watches.Watch(request_, timeout=60)
    cancel = watch_svc_pb2.CancelRequest(watch_id=next(watch).watch_id)
    client.watches.Cancel(cancel)
    with refused(Code.CANCELLED):
        for _ in watch:
            pass
    with refused(Code.NOT_FOUND):
        client.watches.Cancel(cancel)
    with refused(Code.NOT_FOUND):
        client.watches.Cancel(watch_svc_pb2.CancelRequest())


def test_each_kind_takes_so_many_watchers(few: Client) -> None:
    for request in (watch_jobs(), watch_pods()):
        watches = [few.watches.Watch(request, timeout=60) for _ in range(3)]
        for watch in watches:
            next(watch)
        with refused(Code.RESOURCE_EXHAUSTED):
            next(few.watches.Watch(request))
        for watch in watches:
            watch.cancel()
        await_room(few, request)


def test_a_client_that_vanishes_leaves_its_place(few: Client) -> None:
    others = [Client(few.address) for _ in range(3)]
    for other in others:
        next(other.watches.Watch(watch_jobs(), timeout=60))
    for other in others:
        other.channel.close()
    await_room(few, watch_jobs())


def await_room(client: Client, request: watch_svc_pb2.WatchRequest) -> None:
    """Try until there is room for a watcher; no watch could tell of that."""
    for _ in range(1000):
        watch = client.watches.Watch(request, timeout=60)
        try:
            next(watch)
        except grpc.RpcError as error:
            assert error.code() is Code.RESOURCE_EXHAUSTED  # noqa: PT017 - the loop is over otherwise
        else:
            watch.cancel()
            return
    raise AssertionError("no place was freed")


def test_watchers_all_hear_the_same(client: Client) -> None:
    watches = [begin(client, watch_pods(labels=[label("life", "short")])) for _ in range(8)]
    with ThreadPoolExecutor(len(watches)) as pool:
        heard = [pool.submit(take, watch, all_gone(3)) for watch in watches]
        live_a_life(client)
        first, *others = (each.result(20) for each in heard)
    assert first
    assert all(each == first for each in others)


def test_a_watcher_that_does_not_read_is_told_where_to_go_on(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """It alone is ended, and what it missed is still there."""
    bounds = "[limits]\nwatch_buffer_kb = 128\n"
    with serving(tmp_path_factory.mktemp("bounded"), SIMULATED + bounds) as server:
        client = Client(server.grpc)
        narrow = Client(server.grpc, ("grpc.http2.lookahead_bytes", 65_536), ("grpc.http2.bdp_probe", 0))
        slow = begin(narrow, watch_pods())
        made = client.run(job(instance_count=1_500))  # far more than there is room for on the way
        client.run(job(instance_count=1))
        told: list[Message] = []
        with refused(Code.ABORTED) as caught:
            told.extend(slow)
        resume = int(resume_revision(caught.value))
        assert resume > told[-1].revision
        running = dict.fromkeys((f"{made.id}-{number}" for number in range(1500)), "")

        def is_last(message: Message) -> bool:
            for it in message.pods:
                if it.status.state == pod_pb2.POD_STATE_RUNNING:
                    running.pop(it.pod_name.value, None)
            return not running

        for message in told:
            is_last(message)
        assert running
        take(begin(client, watch_pods(start=resume)), is_last)


def resume_revision(error: grpc.RpcError) -> str:
    """Where an error says that a watch may go on."""
    for key, value in cast("tuple[tuple[str, bytes], ...]", error.trailing_metadata()):
        if key == "grpc-status-details-bin":
            for detail in Status.FromString(value).details:
                info = ErrorInfo()
                if detail.Unpack(info):
                    return str(info.metadata["resume_revision"])
    raise AssertionError("the error says nothing")
