"""Pods that are real processes: what they are given, how they end, what is told of it."""

import os
import socket
from datetime import datetime
from pathlib import Path
from time import monotonic

import pytest

from protocol.pb.mesos.v1 import mesos_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.pb.peloton.api.v1alpha.pod.svc import pod_svc_pb2
from tests.conformance.peloton.client import Client, Code, Made, pod_id, pod_name, refused, unique
from tests.conformance.peloton.server import WAIT_S, Server
from tests.protocol.peloton.messages import container, job, label, pod

FAILED, KILLED, RUNNING = pod_pb2.POD_STATE_FAILED, pod_pb2.POD_STATE_KILLED, pod_pb2.POD_STATE_RUNNING
Reason = pod_pb2.TerminationStatus
FOREVER = "while :; do sleep 0.05; done"


def browse(client: Client, name: str, run: str = "") -> pod_svc_pb2.BrowsePodSandboxResponse:
    request = pod_svc_pb2.BrowsePodSandboxRequest(pod_name=pod_name(name), pod_id=pod_id(run))
    return client.pods.BrowsePodSandbox(request, timeout=60)


def read_file(server: Server, name: str, path: str, run: int = 1) -> str:
    status, body = server.get(f"/pods/{name}/{run}/files/{path}?follow=0")
    assert status == 200, body
    return body.decode()


def first_line(server: Server, name: str, path: str, run: int = 1) -> str:
    """The first line of a file that may not be there yet: followed until it has come."""
    status, body = server.get(f"/pods/{name}/{run}/files/{path}?follow=1&limit=1")
    assert status == 200
    assert body
    return read_file(server, name, path, run).splitlines()[0]


def create(client: Client, *containers: pod_pb2.ContainerSpec, **fields: object) -> tuple[Made, str]:
    """A job of one pod."""
    fields.setdefault("kill_grace_period_seconds", 5)
    made = client.create(job(name=unique(), instance_count=1, default_spec=pod(*containers, **fields)))
    return made, f"{made.id}-0"


def remove(client: Client, made: Made) -> None:
    client.delete(made.id, client.get(made.id).status.version.value, force=True)
    client.await_deleted(made.id)


def test_a_container_has_its_variables_and_ports(processes: Server, working: Client) -> None:
    spec = container(
        f"env > seen; echo there; {FOREVER}",
        name="main",
        environment=[
            pod_pb2.Environment(name="COLOUR", value="red"),
            pod_pb2.Environment(name="COLOUR", value="deep blue"),
        ],
        ports=[
            pod_pb2.PortSpec(name="fixed", value=31_777, env_name="FIXED_PORT"),
            pod_pb2.PortSpec(name="http", env_name="HTTP_PORT"),
        ],
    )
    made, name = create(working, spec, labels=[label("team", "a")])
    status = working.await_run(name, 1, RUNNING)
    assert first_line(processes, name, "logs/main/stdout") == "there"
    seen = dict(line.split("=", 1) for line in read_file(processes, name, "sandbox/seen").splitlines())
    ports = status.containers_status[0].ports
    assert seen["COLOUR"] == "deep blue"
    assert seen["FIXED_PORT"] == str(ports["fixed"]) == "31777"
    assert seen["HTTP_PORT"] == str(ports["http"])
    assert 31_000 <= ports["http"] <= 31_999
    assert seen["PELOTON_JOB_NAME"] == working.get(made.id).spec.name
    assert seen["PELOTON_JOB_OWNER"] == "ann"
    assert "PELOTON_RESOURCE_POOL" in seen
    assert Path(seen["PWD"]).name == "sandbox"
    assert not [key for key in seen if key.startswith("POLYPLANE")]
    remove(working, made)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ({"command": mesos_pb2.CommandInfo(value='echo "a  b" $((1+1))')}, "a  b 2"),
        (
            {
                "command": mesos_pb2.CommandInfo(
                    value="/bin/echo", shell=False, arguments=["echo", "a  b", "$x"]
                )
            },
            "a  b $x",
        ),
        ({"entrypoint": pod_pb2.CommandSpec(value="/bin/echo", arguments=["a  b", "*"])}, "a  b *"),
        ({"entrypoint": pod_pb2.CommandSpec(value="echo one; echo two")}, "one"),
    ],
)
def test_a_command_is_run_as_it_is_written(
    processes: Server, working: Client, command: dict[str, object], expected: str
) -> None:
    spec = pod_pb2.ContainerSpec(name="main", **command)  # type: ignore[arg-type] # any
    made, name = create(working, spec)
    working.await_pod(name, lambda it: it.pod_id.value != f"{name}-1")
    assert read_file(processes, name, "logs/main/stdout").splitlines()[0] == expected
    remove(working, made)


def test_init_containers_come_first_one_after_another(processes: Server, working: Client) -> None:
    def note(word: str) -> pod_pb2.ContainerSpec:
        return container(f"sleep 0.05; echo {word} >> order", name=word)

    made, name = create(
        working,
        container(f"cat order; echo main >> order; echo done; {FOREVER}", name="main"),
        container(FOREVER, name="side"),
        init_containers=[note("one"), note("two"), note("three")],
    )
    status = working.await_run(name, 1, RUNNING)
    first_line(processes, name, "logs/main/stdout")
    assert read_file(processes, name, "logs/main/stdout").split()[:3] == ["one", "two", "three"]
    assert [it.name for it in status.init_containers_status] == ["one", "two", "three"]
    for it in status.init_containers_status:
        assert it.state == pod_pb2.CONTAINER_STATE_SUCCEEDED
        assert it.terminationStatus.exit_code == 0
    times = [(it.start_time, it.completion_time) for it in status.init_containers_status]
    flat = [time for pair in times for time in pair]
    assert flat == sorted(flat)
    assert flat[-1] <= min(it.start_time for it in status.containers_status)
    assert {it.name: it.state for it in status.containers_status} == dict.fromkeys(
        ("main", "side"), pod_pb2.CONTAINER_STATE_RUNNING
    )
    remove(working, made)


def test_a_failing_init_container_fails_the_run(working: Client) -> None:
    made, name = create(
        working, container(FOREVER, name="main"), init_containers=[container("exit 9", name="init")]
    )
    working.await_pod(name, lambda it: it.pod_id.value != f"{name}-1")
    first = working.pod(name).previous[-1].status
    assert first.state == FAILED
    assert first.init_containers_status[0].terminationStatus.exit_code == 9
    assert first.init_containers_status[0].state == pod_pb2.CONTAINER_STATE_FAILED
    assert first.containers_status[0].start_time == ""
    assert "POD_STATE_RUNNING" not in {it.actual_state for it in working.events(name, f"{name}-1")}
    with refused(Code.ABORTED):
        browse(working, name, f"{name}-1")
    remove(working, made)


@pytest.mark.parametrize(
    ("line", "exit_code", "signal_name"),
    [
        ("exit 0", 0, ""),
        ("exit 1", 1, ""),
        ("exit 255", 255, ""),
        ("kill -KILL $$", 0, "SIGKILL"),
        ("kill -SEGV $$", 0, "SIGSEGV"),
        ("/no/such/program", 127, ""),
    ],
)
def test_how_a_process_ended_is_told(working: Client, line: str, exit_code: int, signal_name: str) -> None:
    made, name = create(working, container(line, name="main"))
    working.await_pod(name, lambda it: it.pod_id.value != f"{name}-1")
    first = working.pod(name).previous[-1].status
    (only,) = first.containers_status
    assert (only.terminationStatus.exit_code, only.terminationStatus.signal) == (exit_code, signal_name)
    is_good = line == "exit 0"
    assert first.state == (pod_pb2.POD_STATE_SUCCEEDED if is_good else FAILED)
    wanted = Reason.TERMINATION_STATUS_REASON_INVALID if is_good else Reason.TERMINATION_STATUS_REASON_FAILED
    assert only.terminationStatus.reason == wanted
    assert only.start_time <= only.completion_time
    remove(working, made)


def test_one_container_that_fails_ends_the_others(working: Client) -> None:
    made, name = create(working, container("exit 3", name="bad"), container(FOREVER, name="good"))
    working.await_pod(name, lambda it: it.pod_id.value != f"{name}-1")
    first = working.pod(name).previous[-1].status
    ends = {it.name: it.terminationStatus for it in first.containers_status}
    assert first.state == FAILED
    assert ends["bad"].exit_code == 3
    assert ends["good"].signal == "SIGTERM"
    remove(working, made)


def test_a_process_is_asked_to_end_and_may_say_good_bye(processes: Server, working: Client) -> None:
    line = f"trap 'echo bye; exit 0' TERM; echo up; {FOREVER}"
    made, name = create(working, container(line, name="main"))
    working.await_run(name, 1, RUNNING)
    first_line(processes, name, "logs/main/stdout")
    working.stop_pod(name)
    status = working.await_run(name, 1, KILLED)
    assert status.containers_status[0].terminationStatus.exit_code == 0
    assert status.containers_status[0].terminationStatus.signal == ""
    assert status.reason == "KILLED_ON_REQUEST"
    assert read_file(processes, name, "logs/main/stdout") == "up\nbye\n"
    remove(working, made)


def test_a_process_that_does_not_listen_is_killed_after_its_grace(processes: Server, working: Client) -> None:
    line = f"trap '' TERM; echo up; {FOREVER}"
    made, name = create(working, container(line, name="main"), kill_grace_period_seconds=1)
    working.await_run(name, 1, RUNNING)
    first_line(processes, name, "logs/main/stdout")
    working.stop_pod(name)
    working.await_run(name, 1, pod_pb2.POD_STATE_KILLING)
    status = working.await_run(name, 1, KILLED)
    assert status.containers_status[0].terminationStatus.signal == "SIGKILL"
    asked, ended = (
        next(it.timestamp for it in working.events(name) if it.actual_state == state)
        for state in ("POD_STATE_KILLING", "POD_STATE_KILLED")
    )
    waited = datetime.fromisoformat(ended) - datetime.fromisoformat(asked)
    assert 1 <= waited.total_seconds() < 10
    remove(working, made)


def test_a_stop_leaves_no_process(processes: Server, working: Client) -> None:
    line = f"(sleep 300 & echo $!; exec sleep 301) & echo $$; {FOREVER}"
    made, name = create(working, container(line, name="main"))
    working.await_run(name, 1, RUNNING)
    first_line(processes, name, "logs/main/stdout")
    working.stop(made.id, made.version)
    working.await_state(made.id, stateless_pb2.JOB_STATE_KILLED)
    for number in map(int, read_file(processes, name, "logs/main/stdout").split()):
        assert not is_running(number)
    remove(working, made)


def test_a_killed_process_is_followed_by_another(processes: Server, working: Client) -> None:
    made, name = create(working, container(f"echo $$; {FOREVER}", name="main"))
    working.await_run(name, 1, RUNNING)
    os.kill(int(first_line(processes, name, "logs/main/stdout")), 9)
    status = working.await_run(name, 2, RUNNING)
    assert status.failure_count == 1
    previous = working.pod(name).previous[0].status
    assert previous.containers_status[0].terminationStatus.signal == "SIGKILL"
    assert "SIGKILL" in previous.message
    assert first_line(processes, name, "logs/main/stdout", 2) != ""
    remove(working, made)


def test_files_of_a_run_are_told_and_served(processes: Server, working: Client) -> None:
    line = f"mkdir d; printf 0123456789 > d/f; ln -s /etc/passwd l; echo e >&2; echo o; {FOREVER}"
    made, name = create(working, container(line, name="main"))
    working.await_run(name, 1, RUNNING)
    first_line(processes, name, "logs/main/stdout")
    answer = browse(working, name)
    assert f"{answer.hostname}:{answer.port}" == processes.http
    assert sorted(answer.paths) == ["logs/main/stderr", "logs/main/stdout", "sandbox/d/f"]
    assert browse(working, name, f"{name}-1") == answer
    assert processes.get(f"/pods/{name}/1/files/sandbox/d/f?offset=3&limit=4") == (200, b"3456")
    hidden = ("sandbox/l", "sandbox/../record/order", "record/order", "sandbox/d", "../../lock", "sandbox/no")
    for path in hidden:
        assert processes.get(f"/pods/{name}/1/files/{path}")[0] == 404
    with refused(Code.ABORTED):
        browse(working, name, f"{name}-2")
    assert processes.get(f"/pods/{name}/2/files")[0] == 404
    remove(working, made)
    deadline = monotonic() + WAIT_S  # no watch tells when the files are gone
    while processes.get(f"/pods/{name}/1/files/sandbox/d/f")[0] != 404:
        assert monotonic() < deadline


def test_ports_can_be_used(processes: Server, working: Client) -> None:
    program = (
        "import os, socket; s = socket.create_server(('127.0.0.1', int(os.environ['PORT'])));"
        " print('up', flush=True); s.accept()[0].sendall(b'hello')"
    )
    spec = pod_pb2.ContainerSpec(
        name="main",
        entrypoint=pod_pb2.CommandSpec(value="python3", arguments=["-c", program]),
        ports=[pod_pb2.PortSpec(name="p", env_name="PORT")],
    )
    made, name = create(working, spec)
    status = working.await_run(name, 1, RUNNING)
    assert first_line(processes, name, "logs/main/stdout") == "up"
    with socket.create_connection(("127.0.0.1", status.containers_status[0].ports["p"]), 20) as connection:
        assert connection.recv(5) == b"hello"
    remove(working, made)


def is_running(number: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
