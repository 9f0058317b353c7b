"""Functions that are container images: run by what stands in for podman (tests/functions/podman.py)."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.fn.client import Client, frames, try_call
from tests.conformance.fn.conftest import HOST, functions
from tests.conformance.fn.test_slots import is_alive, pid_of, until
from tests.conformance.peloton.server import Server, hosts

ROOT = Path(__file__).parents[3]
IMAGE = "shop/greet:1"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stand-in keeps what runs; it is found before any other podman."""
    directory = tmp_path / "containers"
    directory.mkdir()
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "podman"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m tests.functions.podman {directory} "$@"\n'
    )
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return directory


@pytest.fixture
def server(tmp_path: Path, state: Path) -> Iterator[Server]:
    assert state.is_dir()
    server = Server(tmp_path, hosts(HOST) + "[fn]\npodman = true\n" + functions(), keeps=True)
    server.start()
    yield server
    server.close()
    assert "Traceback" not in server.said(), server.said()


def told(state: Path, word: str) -> list[list[str]]:
    calls = [json.loads(line)["arguments"] for line in (state / "calls").read_text().splitlines()]
    return [arguments for arguments in calls if arguments[0] == word]


def live(state: Path) -> list[Path]:
    return list(state.glob("polyplane-*"))


def test_an_image_that_nothing_is_known_of_is_a_container(server: Server, state: Path) -> None:
    client = Client(server.grpc)
    facts = json.loads(client.call(b"told\n", image=IMAGE, memory=64, cpus="250m", config={"A": "1"}).body)
    assert facts["environment"]["A"] == "1"
    assert facts["environment"]["FN_FORMAT"] == "http-stream"
    assert client.call(b"again", image=IMAGE, memory=64, cpus="250m", config={"A": "1"}).body == b"again"
    (arguments,) = told(state, "run")
    assert arguments[-1] == IMAGE
    assert {"--rm", "--memory=64m", "--cpus=0.25", "--env=A=1"} <= set(arguments)
    (container,) = live(state)
    assert f"--name={container.name}" in arguments


def test_a_container_ends_with_its_slot(server: Server, state: Path) -> None:
    client = Client(server.grpc)
    pid = pid_of(client, image=IMAGE, idle_timeout=1)
    until(lambda: not is_alive(pid) and not live(state))
    stubborn = pid_of(client, image=IMAGE, config={"MODE": "stubborn"}, idle_timeout=1)
    until(lambda: not is_alive(stubborn) and not live(state))
    crashed = pid_of(client, image=IMAGE)
    assert client.call(b"crash\n", image=IMAGE).finished.errorCode == 502
    until(lambda: not is_alive(crashed) and not live(state))
    late = pid_of(client, image=IMAGE, timeout=1)
    assert client.call(b"sleep\n1000", image=IMAGE, timeout=1).finished.errorCode == 504
    until(lambda: not is_alive(late) and not live(state))


def test_a_server_that_is_killed_leaves_no_container_behind(server: Server, state: Path) -> None:
    client = Client(server.grpc)
    pid = pid_of(client, image=IMAGE)
    engagement = client.engage(try_call(image=IMAGE, type="detached"), *frames(b"sleep\n1000"))
    assert engagement.next().HasField("result_start")
    stranger = state / "polyplane-stranger"
    stranger.write_text("999999999 polyplane=somebody")
    server.kill()
    engagement.rest()
    server.start()
    until(lambda: not is_alive(pid) and live(state) == [stranger])
    last = pid_of(Client(server.grpc), image=IMAGE)
    assert server.terminate()[0] == 0
    until(lambda: not is_alive(last) and live(state) == [stranger])


@pytest.mark.parametrize("image", ["--privileged", "dir:/etc", "-v=/:/x", "/etc/passwd"])
def test_what_is_no_image_is_run_by_nobody(server: Server, state: Path, image: str) -> None:
    finished = Client(server.grpc).call(image=image).finished
    assert finished.errorCode == 502
    assert "no function is configured for image" in finished.errorStr
    assert told(state, "run") == []


def test_a_function_that_is_declared_is_no_container(server: Server, state: Path) -> None:
    assert Client(server.grpc).call(b"x").body == b"x"
    assert told(state, "run") == []


def test_without_podman_the_server_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    server = Server(tmp_path, "[fn]\npodman = true\n")
    code, stdout, said = server.fail()
    assert (code, stdout) == (2, b"")
    assert "fn.podman: podman cannot be run" in said
    assert "Traceback" not in said
