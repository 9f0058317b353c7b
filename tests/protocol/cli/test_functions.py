"""`polyplane fn` against a real server."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from protocol.cli.exits import Exit
from tests import warm
from tests.conformance.peloton.server import PROGRAM
from tests.functions import function
from tests.protocol.server.program import Program, polyplane, running

Run = Callable[..., tuple[int, bytes, str]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    directory = tmp_path_factory.mktemp("server")
    config = directory / "polyplane.toml"
    config.write_text(f'[fn.functions.echo]\ncommand = ["{sys.executable}", "{function.__file__}"]\n')
    addresses = ("--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")
    command = polyplane("serve", "--data", ":memory:", "--config", str(config), *addresses)
    with running(command, directory, {}) as program:
        program.read_ready()
        yield program
        program.process.terminate()
        assert program.end() == (0, b"")


@pytest.fixture
def run(server: Program) -> Run:
    def run_command(*arguments: str, body: bytes = b"") -> tuple[int, bytes, str]:
        done = warm.run("fn", "call", *arguments, body=body, environment={"POLYPLANE_SERVER": server.grpc})
        return done.returncode, done.stdout, done.stderr.decode()

    return run_command


def test_stdin_goes_in_and_stdout_is_the_answer(run: Run) -> None:
    body = os.urandom(200_000)
    assert run("echo", body=body) == (Exit.OK, body, "")
    assert run("echo") == (Exit.OK, b"", "")


def test_headers_pass(run: Run) -> None:
    code, told, _ = run("echo", "--header", "X-A: 1", "--limit", "5", "--memory", "1", body=b"told\n")
    assert code == Exit.OK
    assert b'["X-A", "1"]' in told


def test_a_detached_call_has_no_answer(run: Run) -> None:
    assert run("echo", "--detach", body=b"x") == (Exit.OK, b"", "")


@pytest.mark.parametrize(
    ("given", "body", "code", "words"),
    [
        (("nobody",), b"", Exit.FAILED, "502: Container failed to initialize, no function is configured"),
        (("echo",), b"crash\n", Exit.FAILED, "502: error receiving function response"),
        (("echo", "--limit", "1"), b"sleep\n100", Exit.FAILED, "504: Timed out"),
        (("echo", "--header", "A"), b"", Exit.USAGE, "--header"),
        (
            ("echo", "--memory", "1000000000"),
            b"",
            Exit.FAILED,
            "400: Requested CPU/Memory cannot",
        ),
    ],
)
def test_why_it_failed_is_said_in_one_line(
    run: Run, given: tuple[str, ...], body: bytes, code: Exit, words: str
) -> None:
    told, answer, said = run(*given, body=body)
    assert (told, answer) == (code, b"")
    assert words in said
    assert said.count("\n") == 1


def test_a_server_that_is_not_there(run: Run, tmp_path: Path) -> None:
    code, answer, said = run("echo", "--server", f"unix:{tmp_path}/none", "--timeout", "1")
    assert (code, answer) == (Exit.UNAVAILABLE, b"")
    assert said


@pytest.mark.parametrize(
    ("given", "body"),
    [(("nobody",), b""), (("nobody",), b"x\n"), (("echo", "--header", "X-Test: early"), b"x\n")],
)
@pytest.mark.parametrize("make_stdin", [os.pipe, os.openpty], ids=["pipe", "terminal"])
def test_a_call_that_is_over_ends_the_command_though_stdin_stays_open(
    server: Program,
    tmp_path: Path,
    make_stdin: Callable[[], tuple[int, int]],
    given: tuple[str, ...],
    body: bytes,
) -> None:
    ends = make_stdin()
    # Of a terminal, the program has the second end.
    theirs, ours = ends if make_stdin is os.pipe else reversed(ends)
    try:
        os.write(ours, body)
        with (tmp_path / "stderr").open("wb") as stderr:
            environment = {"POLYPLANE_SERVER": server.grpc}
            program = warm.Program(
                "fn", "call", *given, stdin=theirs, stderr=stderr.fileno(), environment=environment
            )
        with program.stdout:
            assert program.wait(20) == Exit.FAILED
        assert (tmp_path / "stderr").read_text().startswith("polyplane: 502: ")
    finally:
        os.close(ours)
        os.close(theirs)


def test_what_comes_bit_by_bit_goes_in(server: Program) -> None:
    theirs, ours = os.pipe()
    program = warm.Program(
        "fn", "call", "echo", stdin=theirs, stderr=2, environment={"POLYPLANE_SERVER": server.grpc}
    )
    os.close(theirs)
    for piece in (b"a", b"b" * 100_000, b"c"):
        view = memoryview(piece)
        while view:
            view = view[os.write(ours, view) :]
    os.close(ours)
    printed, _ = program.communicate()
    assert (program.returncode, printed) == (Exit.OK, b"a" + b"b" * 100_000 + b"c")


def test_a_stdin_that_is_closed_is_told(server: Program) -> None:
    closing = ["sh", "-c", 'exec "$0" fn call echo --server "$1" <&-', PROGRAM, server.grpc]
    done = subprocess.run(closing, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (Exit.USAGE, b"", b"polyplane: stdin: is closed\n")


def test_a_deployment_is_told_as_json(server: Program) -> None:
    def deploy(*arguments: str) -> object:
        environment = {"POLYPLANE_SERVER": server.grpc}
        done = warm.run("fn", "deploy", "told", *arguments, "-o", "json", environment=environment)
        assert (done.returncode, done.stderr) == (Exit.OK, b"")
        return json.loads(done.stdout)

    deployed = {"command": ["sleep", "a b"], "directory": "/", "environment": {"A": "b=c"}}
    command = ("--command", "sleep 'a b'", "--dir", "/", "--env", "A=b=c")
    assert deploy(*command) == {"function": "told", "deployed": deployed}
    assert deploy("--remove") == {"function": "told", "deployed": None}
