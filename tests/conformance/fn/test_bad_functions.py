"""Functions and callers that mean harm, or are broken: calls end by the letter, and nobody else notices."""

import http.client
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import grpc
import pytest

from tests.conformance.fn.client import Client, frames, try_call
from tests.conformance.fn.conftest import HOST, functions
from tests.conformance.fn.test_http import asking
from tests.conformance.fn.test_slots import is_alive, pid_of, until
from tests.conformance.peloton.server import Server, hosts, serving

NO_RESPONSE = (502, "error receiving function response", True)
HEADER_TOO_LARGE = (502, "function response header too large", True)
OK = b"HTTP/1.1 200 OK\r\n"
GIGABYTES = 10 * 2**30
SLACK_MB = 64


@pytest.mark.parametrize(
    ("headers", "call"),
    [
        ({"A\r\nB": ["1"]}, "c"),
        ({"A:": ["1"]}, "c"),
        ({"A B": ["1"]}, "c"),
        ({"": ["1"]}, "c"),
        ({"A\0": ["1"]}, "c"),
        ({"É": ["1"]}, "c"),
        ({"A": ["1\r\n\r\nGET / HTTP/1.1"]}, "c"),
        ({"A": ["1\nTransfer-Encoding: identity"]}, "c"),
        ({"A": ["1\0"]}, "c"),
        ({"A": ["1", "2\r"]}, "c"),
        ({"Connection": ["close\r\nB: 1"]}, "c"),
        ({}, "c\r\nB: 1"),
        ({}, "c\0"),
    ],
)
def test_a_header_that_would_be_more_than_one_is_refused(
    client: Client, headers: dict[str, list[str]], call: str
) -> None:
    finished = client.call(headers=headers, id=call).finished
    assert (finished.success, finished.errorCode) == (False, 400)
    assert finished.startedAt == ""  # no function has seen anything of it


def test_what_frames_a_request_is_never_the_callers(client: Client) -> None:
    """The request stays one: chunked, of the length that it has, to the one host that there is."""
    headers = {
        "Content-Length": ["1", "2"], "Transfer-Encoding": ["identity"], "Host": ["elsewhere"],
        "Upgrade": ["h2c"], "Te": ["trailers"], "Expect": ["100-continue"],
    }  # fmt: skip
    answer = client.call(b"told\n", headers=headers)
    assert answer.finished.success
    assert b"elsewhere" not in answer.body
    assert b"identity" not in answer.body
    assert client.call(b"x" * 3, headers=headers).body == b"xxx"


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", NO_RESPONSE),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", NO_RESPONSE),
        (b"HTTP/1.1 99999 Many\r\n\r\n", NO_RESPONSE),
        (b"200 OK\r\n\r\n", NO_RESPONSE),
        (OK + b"Content-Length: -1\r\n\r\n", NO_RESPONSE),
        (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", NO_RESPONSE),
        (OK + b"Content-Length: 99999999999999999999999999\r\n\r\n", NO_RESPONSE),
        (OK + b"Transfer-Encoding: gzip\r\n\r\n", NO_RESPONSE),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", NO_RESPONSE),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 100 + b"\r\n", NO_RESPONSE),
        (OK + b"X y: 1\r\n\r\n", NO_RESPONSE),
        (OK + b"X: \x01\0\r\n\r\n", NO_RESPONSE),
    ],
)
def test_what_is_no_answer_ends_the_call_and_the_process(
    client: Client, said: bytes, verdict: tuple[int, str, bool]
) -> None:
    before = pid_of(client, fn_id="raw", timeout=5)
    assert client.call(b"raw\n" + said, fn_id="raw", timeout=5).verdict == verdict
    after = pid_of(client, fn_id="raw", timeout=5)
    assert after != before
    until(lambda: not is_alive(before))


def test_who_says_for_ever_that_he_will_answer_is_ended(client: Client) -> None:
    assert client.call(b"continues\n", fn_id="continues").verdict == HEADER_TOO_LARGE


@pytest.mark.parametrize(("image", "code"), [("refusing", 504), ("closing", 502)])
def test_who_listens_and_cannot_be_talked_to_fails_the_call_once(
    client: Client, image: str, code: int
) -> None:
    """A socket that refuses may be listened on yet, for as long as a start may take."""
    answer = client.call(image=image)
    assert answer.code is grpc.StatusCode.OK
    assert answer.finished.errorCode == code
    assert answer.finished.errorUser


def test_who_writes_much_before_he_listens_comes_up(client: Client) -> None:
    assert client.call(b"x", image="loud").body == b"x"


def test_an_answer_after_the_deadline_is_told_to_nobody(client: Client) -> None:
    late = client.call(b"sleep\n1.2", fn_id="late", timeout=1)
    assert late.verdict == (504, "Timed out", True)
    assert late.starts == []
    assert [client.call(str(n).encode(), fn_id="late", timeout=1).body for n in range(3)] == [
        b"0",
        b"1",
        b"2",
    ]


def test_children_of_a_function_end_with_it_and_hold_up_nobody(client: Client) -> None:
    child = int(client.call(b"forks\n", fn_id="forks").body)
    assert is_alive(child)
    assert client.call(b"crash\n", fn_id="forks").verdict == NO_RESPONSE
    assert client.call(b"x", fn_id="forks").body == b"x"
    until(lambda: not is_alive(child))


def test_ten_gigabytes_are_cut_off_at_the_limit(client: Client, running: Server) -> None:
    client.call(fn_id="vast")
    before = running.memory_mb()
    pid = pid_of(client, fn_id="vast")
    answer = client.call(b"large\n" + str(GIGABYTES).encode(), fn_id="vast")
    assert answer.verdict == (502, "function response body too large", True)
    assert len(answer.body) == 2**20
    assert running.memory_mb() < before + SLACK_MB
    until(lambda: not is_alive(pid))


def test_over_http_ten_gigabytes_are_cut_off_as_well(running: Server) -> None:
    before = running.memory_mb()
    with asking(running, "POST", "/invoke/echo", b"large\n" + str(GIGABYTES).encode()) as response:
        assert response.status == 200
        received = 0
        with suppress(http.client.HTTPException, ValueError):  # it is cut off, in whatever piece
            while piece := response.read1(65_536):
                received += len(piece)
        assert received <= 2**20
    assert running.memory_mb() < before + SLACK_MB


@pytest.fixture
def unlimited(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path, hosts(HOST) + "[fn]\nresponse_mb = 0\n" + functions()) as server:
        yield server


def test_without_a_limit_a_body_is_passed_on_and_not_collected(unlimited: Server) -> None:
    """Who reads slowly has the function wait; what both sides have not read is bounded."""
    client = Client(unlimited.grpc)
    client.call()
    before = unlimited.memory_mb()
    engagement = client.engage(
        try_call(timeout=60), *frames(b"large\n" + str(GIGABYTES).encode()), timeout=60
    )
    received, until_at = 0, time.monotonic() + 3
    while received < 64 * 2**20 and time.monotonic() < until_at:
        received += len(engagement.next().data.data)
    assert received > 2**20
    assert unlimited.memory_mb() < before + SLACK_MB
    engagement.call.cancel()
    engagement.half_close()
    until(lambda: client.status().active == 0)
