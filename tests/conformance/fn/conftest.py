"""One server whose functions are processes, and a load balancer's connection to it."""

import sys
from collections.abc import Iterator

import pytest

from tests.conformance.fn.client import Client
from tests.conformance.peloton.server import Server, host, hosts, serving
from tests.functions import function

HOST = 'name = "here"\ncpu = 8\nmemory_mb = 1000\nengine = "process"\n'
MODES = (
    "direct",
    "file",
    "astray",
    "exit",
    "mute",
    "stubborn",
    "unaccepting",
    "refusing",
    "closing",
    "loud",
    "tardy",
)


def functions(directory: str = "/") -> str:
    """A configuration with the test's function under several images, one for each mode."""
    command = f'command = ["{sys.executable}", "{function.__file__}"]\n'
    tables = [f'[fn.functions.echo]\n{command}environment = {{ BASE = "1", OVER = "1" }}\n']
    tables += [f'[fn.functions.{mode}]\n{command}environment = {{ MODE = "{mode}" }}\n' for mode in MODES]
    tables += [f'[fn.functions.there]\n{command}directory = "{directory}"\n']
    tables += ['[fn.functions.missing]\ncommand = ["/no/such/program"]\n']
    return "".join(tables)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Functions are called."""
    directory = tmp_path_factory.mktemp("running")
    with serving(directory, hosts(HOST) + "[fn]\nresponse_mb = 1\n" + functions(str(directory))) as server:
        yield server


@pytest.fixture(scope="module")
def client(running: Server) -> Client:
    return Client(running.grpc)


__all__ = ["host"]
