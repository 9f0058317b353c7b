"""`polyplane stop --all` ends server, pods and agents of a data directory, whichever of them are there."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from protocol.cli import halt
from protocol.cli.output import Output
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from tests import warm
from tests.actors.effects.engines.ear import processes_below
from tests.conformance.peloton.client import Client, Made
from tests.conformance.peloton.server import PROCESSES, QUICK, SIMULATED, Server, host, hosts
from tests.conformance.peloton.test_processes import is_running
from tests.protocol.peloton.messages import container, job, pod

TWO_HOSTS = hosts(host("here", engine="process"), host("there", engine="process"))
STUBBORN = "trap '' TERM; echo $$; while :; do sleep 0.1; done"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, TWO_HOSTS + QUICK, keeps=True)
    server.start()
    yield server
    server.close()
    stop_all(server)
    assert "Traceback" not in server.said()


def stop_all(server: Server, *more: str) -> tuple[int, str, str]:
    done = warm.run("stop", "--all", "--data", server.data, *more)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def run(server: Server, line: str = "exec sleep 200") -> Made:
    spec = job(instance_count=4, default_spec=pod(container(line, name="main"), kill_grace_period_seconds=30))
    return Client(server.grpc).run(spec)


def agents_of(server: Server) -> list[int]:
    return [json.loads(note.read_bytes())["pid"] for note in Path(server.data).glob("agents/*.json")]


def kill_agents(server: Server) -> None:
    for agent in agents_of(server):
        os.kill(agent, signal.SIGKILL)


def leave(_: Server) -> None:
    pass


def drain(server: Server) -> None:
    server.terminate()


def crash(server: Server) -> None:
    server.kill()


def crash_with_agents(server: Server) -> None:
    server.kill()
    kill_agents(server)


@pytest.mark.parametrize("before", [leave, drain, crash, crash_with_agents])
def test_everything_of_the_directory_ends(server: Server, before: Callable[[Server], None]) -> None:
    made = run(server)
    process = server.process
    before(server)
    code, out, err = stop_all(server, "-o", "json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "servers": [process] if before is leave else [],
        "runs": [f"pod/{made.id}-{instance}-1" for instance in range(4)],
        "left": [],
        "agents_left": [],
    }
    assert not server.is_alive
    assert processes_below(Path(server.data)) == {}
    assert stop_all(server) == (0, "", "")


def test_what_ignores_sigterm_is_killed(server: Server) -> None:
    run(server, STUBBORN)
    code, out, _ = stop_all(server)
    assert code == 0
    assert len(out.splitlines()) == 1 + 4
    assert out.startswith("process ")
    assert processes_below(Path(server.data)) == {}


def test_the_next_server_knows_how_it_ended_and_begins_anew(server: Server) -> None:
    made = run(server)
    stop_all(server)
    assert server.terminate() == (0, b"")
    server.start()
    client = Client(server.grpc)
    for instance in range(4):
        client.await_run(f"{made.id}-{instance}", 2, pod_pb2.POD_STATE_RUNNING)
    first = client.pod(f"{made.id}-0").previous[0].status
    assert first.containers_status[0].terminationStatus.signal == "SIGTERM"


def test_a_server_that_does_not_listen_to_sigterm_is_killed(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    # Stopped, it cannot even hear it; the pods do not wait for it.
    os.kill(server.process, signal.SIGSTOP)
    process = server.process
    assert halt.stop_all({"data": server.data}, Output.TEXT, drain_s=0.2) == 0
    assert capsys.readouterr() == (f"process {process}\n", "")
    assert not server.is_alive


def test_other_directories_are_left_alone(server: Server, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    other = Server(tmp_path / "second", PROCESSES + QUICK, keeps=True)
    other.start()
    made = run(other)
    try:
        stop_all(server)
        assert other.is_alive
        status = Client(other.grpc).pod(f"{made.id}-0").current.status
        assert status.pod_id.value == f"{made.id}-0-1"
        assert agents_of(other)
        assert all(is_running(agent) for agent in agents_of(other))
    finally:
        stop_all(other)
        other.close()


def test_simulated_hosts_have_nothing_to_end(tmp_path: Path) -> None:
    server = Server(tmp_path, SIMULATED + QUICK, keeps=True)
    server.start()
    run(server)
    process = server.process
    assert stop_all(server) == (0, f"process {process}\n", "")
    assert server.terminate() == (0, b"")


def test_where_no_server_ever_was_nothing_is_made(tmp_path: Path) -> None:
    server = Server(tmp_path, keeps=True)
    code, out, err = stop_all(server)
    assert (code, out, err) == (3, "", f"polyplane: {server.data}: is no data directory\n")
    assert not Path(server.data).exists()
    server.data = ":memory:"
    assert stop_all(server)[0] == 2


@pytest.mark.parametrize("words", [[], ["job/x", "--all"], ["job/x", "--data", "x"], ["--data", "x"]])
def test_what_is_to_stop_must_be_said(words: list[str]) -> None:
    done = warm.run("stop", *words)
    assert done.returncode == 2
    assert done.stderr.decode() == "polyplane: stop: needs a job or a pod, or --all with or without --data\n"
