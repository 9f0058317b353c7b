"""Where pods go: hosts and their room, ports, and why a pod has to wait."""

from collections import Counter
from collections.abc import Iterator

import pytest

from protocol.pb.peloton.api.v1alpha.host import host_pb2
from protocol.pb.peloton.api.v1alpha.host.svc import host_svc_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from tests.conformance.peloton.client import Client, Made, watch_jobs, watch_pods
from tests.conformance.peloton.server import host, hosts, serving
from tests.protocol.peloton.messages import container, job, pod

SMALL = hosts(
    host("small-1", cpu=4, more='ports = "20000-20003"\nlabels = { rack = "a" }'),
    host("small-2", cpu=4, more='ports = "20000-20003"'),
)
ON_HOST = {
    pod_pb2.POD_STATE_PLACED,
    pod_pb2.POD_STATE_LAUNCHING,
    pod_pb2.POD_STATE_LAUNCHED,
    pod_pb2.POD_STATE_STARTING,
    pod_pb2.POD_STATE_RUNNING,
    pod_pb2.POD_STATE_KILLING,
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(tmp_path_factory.mktemp("small"), SMALL) as server:
        yield Client(server.grpc)


def needing(cpu: float, count: int, *ports: pod_pb2.PortSpec) -> stateless_pb2.JobSpec:
    limits = pod_pb2.ResourceSpec(cpu_limit=cpu)
    return job(instance_count=count, default_spec=pod(container(resource=limits, ports=ports)))


def remove(client: Client, made: Made) -> None:
    client.delete(made.id, client.get(made.id).status.version.value, force=True)
    client.await_deleted(made.id)


def test_hosts_are_told_by_their_state(small: Client) -> None:
    def ask(*states: host_pb2.HostState.ValueType) -> list[host_pb2.HostInfo]:
        return list(small.hosts.QueryHosts(host_svc_pb2.QueryHostsRequest(host_states=states)).host_infos)

    first, second = ask()
    assert (first.hostname, second.hostname) == ("small-1", "small-2")
    assert first.state == first.goal_state == host_pb2.HOST_STATE_UP
    labels = {it.key: it.value for it in first.labels}
    assert labels["rack"] == "a"
    assert "hostname" in labels
    assert len(ask(host_pb2.HOST_STATE_UP, host_pb2.HOST_STATE_UP)) == 2
    assert len(ask(host_pb2.HOST_STATE_DOWN, host_pb2.HOST_STATE_UP)) == 2
    assert ask(host_pb2.HOST_STATE_DRAINING, host_pb2.HOST_STATE_DRAINED, host_pb2.HOST_STATE_DOWN) == []
    assert ask(host_pb2.HOST_STATE_UNKNOWN) == []
    assert ask(77) == []  # type: ignore[arg-type] # unknown on purpose


def test_a_pod_without_room_says_why_and_goes_when_there_is_room(small: Client) -> None:
    full = small.run(needing(4, 2))
    waiting = small.create(needing(3, 1))
    name = f"{waiting.id}-0"
    status = small.await_pod(name, lambda it: it.state == pod_pb2.POD_STATE_PENDING and it.reason != "")
    assert "cpu" in status.reason
    assert status.host == ""
    assert small.get(waiting.id).status.state == stateless_pb2.JOB_STATE_PENDING
    small.stop_pod(f"{full.id}-1")
    status = small.await_run(name, 1, pod_pb2.POD_STATE_RUNNING)
    assert status.host == small.pod(f"{full.id}-1").current.status.host
    assert status.reason == ""
    remove(small, full)
    remove(small, waiting)


def test_a_pod_that_waits_is_stopped_without_a_host(small: Client) -> None:
    made = small.create(needing(400, 1))
    name = f"{made.id}-0"
    small.await_pod(name, lambda it: it.state == pod_pb2.POD_STATE_PENDING)
    small.stop_pod(name)
    assert small.await_run(name, 1, pod_pb2.POD_STATE_KILLED).host == ""
    remove(small, made)


def test_a_pod_that_waits_is_restarted_and_waits_on(small: Client) -> None:
    full, made = small.run(needing(4, 2)), small.create(needing(4, 1))
    name = f"{made.id}-0"
    small.await_pod(name, lambda it: it.state == pod_pb2.POD_STATE_PENDING)
    for run in (2, 3, 4):
        small.restart_pod(name)
        status = small.await_run(name, run, pod_pb2.POD_STATE_PENDING)
        assert "cpu" in status.reason
    remove(small, full)
    small.await_run(name, 4, pod_pb2.POD_STATE_RUNNING)
    remove(small, made)


def test_no_host_ever_holds_more_than_it_has(small: Client) -> None:
    """Told by every change from an empty beginning on: what stands on a host at any revision fits it."""
    watch = small.watches.Watch(watch_jobs(), timeout=60)
    before = next(watch).revision
    watch.cancel()
    made = [small.create(needing(cpu, count)) for cpu, count in ((1.5, 4), (1, 6), (0.3, 9))]
    needs = {each.id: cpu for each, cpu in zip(made, (1.5, 1, 0.3), strict=True)}
    for each in (made[0], made[1]):
        remove(small, each)
    small.await_pods(made[2].id, "RUNNING", 9)
    last = small.run(needing(2, 1))
    needs[last.id] = 2
    standing: dict[str, tuple[str, float]] = {}
    watch = small.watches.Watch(watch_pods(start=before + 1), timeout=60)
    next(watch)
    for message in watch:
        for it in message.pods:
            name, status = it.pod_name.value, it.status
            standing.pop(name, None)
            if status.state in ON_HOST:
                standing[name] = status.host, needs[name.rpartition("-")[0]]
        used: Counter[str] = Counter()
        for place, cpu in standing.values():
            used[place] += cpu  # type: ignore[assignment] # counts of cores
        assert all(cpu <= 4 + 1e-9 for cpu in used.values()), used
        if any(it.pod_name.value == f"{last.id}-0" and it.status.state in ON_HOST for it in message.pods):
            break
    watch.cancel()
    remove(small, made[2])
    remove(small, last)


def test_ports_are_one_pods_alone(small: Client) -> None:
    fixed = pod_pb2.PortSpec(name="admin", value=9000, env_name="ADMIN")
    chosen = pod_pb2.PortSpec(name="http", env_name="PORT")
    made = small.create(needing(0, 3, fixed, chosen))
    small.await_pods(made.id, "RUNNING", 2)  # two hosts have one port 9000 each
    waits = []
    taken = set()
    for number in range(3):
        name = f"{made.id}-{number}"
        status = small.pod(name).current.status
        if status.state != pod_pb2.POD_STATE_RUNNING:
            waits.append(name)
            continue
        ports = status.containers_status[0].ports
        assert ports["admin"] == 9000
        assert 20000 <= ports["http"] <= 20003
        taken.add((status.host, ports["http"]))
    assert len(taken) == 2
    status = small.await_pod(waits[0], lambda it: it.reason != "")
    assert "ports" in status.reason
    remove(small, made)
    many = small.create(needing(0, 9, chosen))
    small.await_pods(many.id, "RUNNING", 8)  # four ports on each of two hosts
    places = [small.pod(f"{many.id}-{number}").current.status for number in range(9)]
    found = [(it.host, it.containers_status[0].ports["http"]) for it in places if it.host]
    assert len(set(found)) == len(found) == 8
    remove(small, many)


def test_a_pod_asks_for_the_most_that_it_needs_at_a_time(small: Client) -> None:
    """Init containers come before the others, which run together."""

    def limited(cpu: float) -> pod_pb2.ContainerSpec:
        return container(resource=pod_pb2.ResourceSpec(cpu_limit=cpu))

    fits = pod(limited(2), limited(2), init_containers=[limited(4), limited(4)])
    full = small.run(job(instance_count=2, default_spec=fits))
    never = pod(limited(2), limited(2.1))
    made = small.create(job(instance_count=1, default_spec=never))
    status = small.await_pod(f"{made.id}-0", lambda it: it.reason != "")
    assert "cpu" in status.reason
    remove(small, made)
    remove(small, full)
