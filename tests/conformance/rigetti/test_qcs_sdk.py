"""The genuine client, unchanged: `qcs_sdk`, over the address of an endpoint."""

import base64
import json
import time

import pytest

from tests.conformance.peloton.server import Server
from tests.conformance.rigetti.client import ANGLE, BELL, Client, Status, plaintext

api = pytest.importorskip("qcs_sdk.qpu.api")
client_module = pytest.importorskip("qcs_sdk.client")
PI = 3.141592653589793


def token() -> str:
    """A token as the client wants it: signed, and of the future."""

    def part(fields: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'HS256'})}.{part({'exp': int(time.time()) + 3600, 'sub': 'ann'})}.c2ln"


class Qcs:
    """The client, with its options."""

    def __init__(self, address: str) -> None:
        session = client_module.OAuthSession(
            client_module.ExternallyManaged(lambda _: token()),
            client_module.AuthServer("client", "https://issuer.invalid"),
            token(),
        )
        self.client = client_module.QCSClient(oauth_session=session)
        builder = api.ExecutionOptionsBuilder.default()
        builder.connection_strategy = api.ConnectionStrategy.EndpointAddress(f"http://{address}")
        self.options = builder.build()

    def submit(self, body: bytes, values: dict[str, list[float]], target: str | None = None) -> str:
        id: str = api.submit(program(body), values, target, self.client, self.options)  # noqa: A001
        return id

    def results(self, id: str, target: str | None = None):  # type: ignore[no-untyped-def]  # noqa: A002, ANN201
        return api.retrieve_results(id, target, self.client, self.options)


@pytest.fixture
def qcs(running: Server) -> Qcs:
    return Qcs(running.grpc)


def program(body: bytes) -> str:
    """A job in the form in which the client takes it."""
    return json.dumps({"job": base64.b64encode(body).decode()})


def outcomes(results: object, reference: str = "ro[0]") -> list[int]:
    buffer = results.buffers[reference]  # type: ignore[attr-defined]
    assert (buffer.dtype, buffer.shape) == ("integer", [len(buffer.data), 1])
    return list(buffer.data)


@pytest.mark.parametrize("target", [None, "local-1"])
def test_submit_and_results(qcs: Qcs, target: str | None) -> None:
    results = qcs.results(qcs.submit(plaintext(BELL, shots=50), {}, target), target)
    assert outcomes(results) == outcomes(results, "ro[1]")
    assert results.execution_duration_microseconds > 0
    assert set(results.memory) == {"ro"}


def test_parameters(qcs: Qcs) -> None:
    body = plaintext(ANGLE, shots=9)
    assert outcomes(qcs.results(qcs.submit(body, {"theta": [PI]}))) == [1] * 9
    ids = api.submit_with_parameter_batch(
        program(body), [{"theta": [0.0]}, {"theta": [PI]}], None, qcs.client, qcs.options
    )
    assert [sum(outcomes(qcs.results(each))) for each in ids] == [0, 9]


def test_cancel(qcs: Qcs, running: Server) -> None:
    ours = Client(running.grpc)
    holding = qcs.submit(plaintext(hold_us=400_000), {})
    ours.await_status(holding, Status.RUNNING)
    queued = qcs.submit(plaintext(), {})
    api.cancel_job(queued, None, qcs.client, qcs.options)
    api.cancel_jobs([queued, holding], None, qcs.client, qcs.options)
    with pytest.raises(api.QpuApiError, match="cancelled"):
        qcs.results(queued)
    assert len(outcomes(qcs.results(holding))) == 1


def test_failures_are_told(qcs: Qcs) -> None:
    with pytest.raises(api.QpuApiError, match="FOO"):
        qcs.submit(plaintext("FOO 0\n"), {})
    with pytest.raises(api.QpuApiError, match="no such job"):
        qcs.results("00000000-0000-4000-8000-000000000000")
