"""What is known of a call: keys, fingerprints, request ids, deadlines."""

import asyncio
import re
from typing import NoReturn

import grpc
import pytest

from actors.kernel.decider import Code
from protocol.auth import Principal
from protocol.calls import Calls, Metadata, fingerprint
from protocol.gateway import Refused
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as svc
from tests.protocol.peloton.messages import create, job, pod

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
REQUEST = svc.StopJobRequest()


class Context:
    """What came with a call."""

    def __init__(self, *metadata: tuple[str, str | bytes], remaining: float | None = None) -> None:
        self._metadata = metadata
        self._remaining = remaining

    def invocation_metadata(self) -> Metadata | None:
        return self._metadata or None

    def time_remaining(self) -> float | None:
        return self._remaining

    async def abort(
        self, code: grpc.StatusCode, details: str = "", trailing_metadata: Metadata = ()
    ) -> NoReturn:
        raise NotImplementedError(code, details, trailing_metadata)


MADE_UP = re.compile(r"made-up\.[1-9][0-9]*\Z")
CALLS = Calls("peloton", new_id=lambda: "made-up", caller=lambda: Principal("ann", frozenset({"reader"})))


def test_a_plain_call() -> None:
    call = CALLS.write(Context(), "StopJob", REQUEST)
    assert (call.principal, call.roles, call.origin) == ("ann", frozenset({"reader"}), "peloton")
    assert MADE_UP.match(call.request_id)
    assert (call.key, call.fingerprint, call.deadline, call.trace) == ("", "", None, "")


def test_requests_without_an_id_get_one_of_their_own() -> None:
    assert len({CALLS.read(Context()).request_id for _ in range(100)}) == 100


def test_what_the_client_names_is_taken() -> None:
    context = Context(
        ("idempotency-key", "k1"), ("x-request-id", "r1"), ("traceparent", TRACE), ("x-bin", b"\0")
    )
    call = CALLS.write(context, "StopJob", REQUEST)
    assert (call.key, call.request_id, call.trace) == ("k1", "r1", TRACE)
    assert call.fingerprint == fingerprint("StopJob", REQUEST)


@pytest.mark.asyncio
async def test_the_deadline_is_on_the_loops_clock() -> None:
    before = asyncio.get_running_loop().time()
    deadline = CALLS.read(Context(remaining=5)).deadline
    assert deadline is not None
    assert deadline >= before + 5


@pytest.mark.parametrize("key", ["", "a" * 256, "a b", "ä", "a\n"])
def test_a_bad_key_is_refused(key: str) -> None:
    with pytest.raises(Refused) as refused:
        CALLS.write(Context(("idempotency-key", key)), "StopJob", REQUEST)
    assert (refused.value.rejection.code, refused.value.rejection.field) == (Code.INVALID, "idempotency-key")


def test_two_keys_are_refused() -> None:
    with pytest.raises(Refused):
        CALLS.write(Context(("idempotency-key", "a"), ("idempotency-key", "a")), "StopJob", REQUEST)


def test_a_reader_needs_no_key() -> None:
    assert CALLS.read(Context(("idempotency-key", ""))).key == ""


@pytest.mark.parametrize(
    "pair", [("x-request-id", "a" * 129), ("traceparent", "00-zz"), ("x-request-id", "")]
)
def test_bad_ids_are_replaced(pair: tuple[str, str]) -> None:
    call = CALLS.read(Context(pair))
    assert MADE_UP.match(call.request_id)
    assert call.trace == ""


def test_fingerprints_tell_requests_apart_whatever_the_order_of_maps() -> None:
    one = create(job(instance_spec={0: pod(), 1: pod(controller=True), 2: pod()}))
    two = create(job(instance_spec={2: pod(), 1: pod(controller=True), 0: pod()}))
    other = create(job(instance_spec={0: pod(), 2: pod()}))
    assert fingerprint("CreateJob", one) == fingerprint("CreateJob", two)
    assert fingerprint("CreateJob", one) != fingerprint("CreateJob", other)
    assert fingerprint("CreateJob", one) != fingerprint("ReplaceJob", one)
