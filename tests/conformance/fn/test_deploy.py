"""Functions are deployed while the server runs, and are there after a restart."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.fn.client import Client
from tests.conformance.fn.conftest import HOST, functions
from tests.conformance.peloton.server import PROGRAM, Server, hosts
from tests.functions import function

COMMAND = f"{sys.executable} {function.__file__}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, hosts(HOST) + functions(), keeps=True)
    server.start()
    yield server
    server.close()
    assert "Traceback" not in server.said(), server.said()


def run(server: Server, *arguments: str) -> tuple[int, str]:
    environment = os.environ | {"POLYPLANE_SERVER": server.grpc}
    command = [PROGRAM, "fn", "deploy", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_a_function_is_there_until_it_is_taken_away(server: Server) -> None:
    assert Client(server.grpc).call(image="shop/cart").finished.errorCode == 502
    given = ("--command", COMMAND, "--dir", str(server.directory), "--env", "A=1")
    assert run(server, "shop/cart", *given) == (0, "")
    told = Client(server.grpc).call(b"told\n", image="shop/cart").body
    assert b'"A": "1"' in told
    assert f'"directory": "{server.directory}"'.encode() in told
    server.kill()
    server.start()
    assert b'"A": "1"' in Client(server.grpc).call(b"told\n", image="shop/cart").body
    assert run(server, "shop/cart", "--command", COMMAND, "--env", "A=2") == (0, "")
    assert b'"A": "2"' in Client(server.grpc).call(b"told\n", image="shop/cart").body
    assert run(server, "shop/cart", "--remove") == (0, "")
    assert Client(server.grpc).call(image="shop/cart").finished.errorCode == 502


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("echo", "--command", "true"), 5, "declare"),
        ((" ", "--command", "true"), 2, "printable"),
        (("a", "--command", "'"), 2, "--command"),
        (("a", "--command", "true", "--env", "A"), 2, "--env"),
        (("a", "--command", "true", "--dir", "/no/such"), 2, "--dir"),
        (("a",), 2, "--remove"),
    ],
)
def test_what_cannot_be_deployed_is_said_in_one_line(
    server: Server, arguments: tuple[str, ...], code: int, words: str
) -> None:
    told, said = run(server, *arguments)
    assert told == code
    assert words in said
