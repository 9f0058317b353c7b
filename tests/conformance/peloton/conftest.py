"""One server for each module that needs one: over simulated hosts, or over processes."""

from collections.abc import Iterator

import pytest

from tests.conformance.peloton.client import Client
from tests.conformance.peloton.server import PROCESSES, QUICK, SIMULATED, Server, serving


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("simulated"), SIMULATED + QUICK) as server:
        yield server


@pytest.fixture(scope="module")
def client(simulated: Server) -> Client:
    return Client(simulated.grpc)


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("processes"), PROCESSES + QUICK) as server:
        yield server


@pytest.fixture(scope="module")
def working(processes: Server) -> Client:
    """A client of a server whose pods are processes."""
    return Client(processes.grpc)
