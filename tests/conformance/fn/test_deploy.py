"""Functions are deployed while the server runs, and are there after a restart."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from protocol.pb.fn import runner_pb2 as pb
from protocol.pb.fn.runner_pb2_grpc import RunnerProtocolStub
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


def configure(server: Server, key: str, **functions: str) -> None:
    """Deploy functions, each with what its environment says, in one call that may be repeated."""
    manifest = {"command": COMMAND.split()}
    config = {
        f"function/{name}": json.dumps(manifest | {"environment": {"A": value}})
        for name, value in functions.items()
    }
    with grpc.insecure_channel(server.grpc) as channel:
        stub: Any = RunnerProtocolStub(channel)  # type: ignore[arg-type] # it takes this kind too
        stub.ConfigureRunner(pb.ConfigMsg(config=config), metadata=(("idempotency-key", key),), timeout=20)


def test_a_key_is_for_all_that_a_call_deploys(server: Server) -> None:
    configure(server, "first", one="1", other="1")
    configure(server, "second", one="2")
    configure(server, "none")
    for _ in range(2):
        configure(server, "first", one="1", other="1")
        for key in ("first", "none"):
            with pytest.raises(grpc.RpcError) as caught:
                configure(server, key, one="3", other="3")
            assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
        assert b'"A": "2"' in Client(server.grpc).call(b"told\n", image="one").body
        assert b'"A": "1"' in Client(server.grpc).call(b"told\n", image="other").body
        server.kill()
        server.start()


def test_of_several_functions_none_is_deployed_when_one_may_not_be(server: Server) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        configure(server, "key", one="1", echo="1")
    assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
    assert Client(server.grpc).call(image="one").finished.errorCode == 502
    configure(server, "key", one="1")
    assert b'"A": "1"' in Client(server.grpc).call(b"told\n", image="one").body


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
