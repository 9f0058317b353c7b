"""One server for each module that needs one: with an engine, or with none that ever comes up."""

from collections.abc import Iterator

import pytest

from tests.conformance.peloton.server import PROCESSES, SIMULATED, Server, serving
from tests.conformance.rigetti.client import Client

TWO = (
    "[rigetti]\nresult_wait_s = 2\nqueue_capacity = 10000\n"
    '[rigetti.processors.first]\nendpoints = ["ep-1", "ep-2"]\nmax_qubits = 4\n'
    '[rigetti.processors.second]\nendpoints = ["ep-3"]\n'
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Jobs are run."""
    pytest.importorskip("quil")
    with serving(tmp_path_factory.mktemp("running"), PROCESSES) as server:
        yield server


@pytest.fixture(scope="module")
def client(running: Server) -> Client:
    return Client(running.grpc)


@pytest.fixture(scope="module")
def queueing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Jobs of two processors wait for ever."""
    pytest.importorskip("quil")
    with serving(tmp_path_factory.mktemp("queueing"), SIMULATED + TWO) as server:
        yield server


@pytest.fixture(scope="module")
def waiting(queueing: Server) -> Client:
    """A client whose jobs wait."""
    return Client(queueing.grpc)
