"""A genuine load balancer gets what a genuine runner would say."""

import json
import os
from pathlib import Path
from typing import Any

import grpc
import pytest

from protocol.pb.fn import runner_pb2 as pb
from tests.conformance.fn.client import WAIT_S, Answer, Client, frame, frames, raw, try_call
from tests.conformance.fn.test_slots import is_alive, until
from tests.conformance.peloton.server import Server

BUSY = (503, "Timed out - server too busy", False)


def told(client: Client, **keys: object) -> dict[str, Any]:
    answer = client.call(b"told\n", **keys)  # type: ignore[arg-type] # no test gives a timeout
    assert answer.finished.success, answer
    facts: dict[str, Any] = json.loads(answer.body)
    return facts


def test_an_echo(client: Client) -> None:
    answer = client.call(b"x" * 25_000)
    assert answer.code is grpc.StatusCode.OK
    assert answer.body == b"x" * 25_000
    assert [start.status_code for start in answer.starts] == [200]
    assert all(len(each.data.data) <= 10_240 for each in answer.messages)
    assert answer.headers("content-type") == ["text/x"]
    last = answer.finished
    assert last.success
    assert (last.details, last.errorCode, last.errorStr, last.image) == ("call-1", 0, "", "echo")
    assert last.createdAt <= last.startedAt <= last.completedAt
    assert last.executionDuration >= 0


def test_an_empty_body_is_a_call_too(client: Client) -> None:
    answer = client.call()
    assert answer.finished.success
    assert [start.status_code for start in answer.starts] == [200]
    assert answer.body == b""


def test_the_last_frame_may_carry_what_is_left(client: Client) -> None:
    answer = client.tell((try_call(), frame(b"a"), frame(b"b", eof=True), frame(b"late"), frame(eof=True)))
    assert answer.finished.success
    assert answer.body == b"ab"


def test_a_function_is_told_what_it_needs_and_nothing_else(client: Client, running: Server) -> None:
    headers = {
        "X-A": ["1", "2"], "Connection": ["close"], "Te": ["gzip"], "Content-Length": ["99"],
        "Fn-Call-Id": ["forged"], "Fn-Deadline": ["forged"], "X-None": None,
    }  # fmt: skip
    config = {"OVER": "2", "FN_MEMORY": "128", "FN_FORMAT": "forged", "FN_LISTENER": "forged"}
    facts = told(client, headers=headers, config=config, method="PUT", url="/x", image="there", id="call-9")
    assert facts["line"] == "POST /call HTTP/1.1"
    lines = {(name.lower(), value) for name, value in facts["headers"]}
    deadline = next(value for name, value in lines if name == "fn-deadline")
    assert lines == {
        ("host", "localhost"), ("transfer-encoding", "chunked"), ("x-a", "1"), ("x-a", "2"),
        ("fn-call-id", "call-9"), ("fn-deadline", deadline),
    }  # fmt: skip
    assert deadline.endswith("Z")
    environment = facts["environment"]
    listener = environment.pop("FN_LISTENER").removeprefix("unix:")
    for own in ("PATH", "LC_CTYPE", "_"):  # the interpreter and the shell make the other two
        environment.pop(own, None)
    assert environment == {"OVER": "2", "FN_MEMORY": "128", "FN_FORMAT": "http-stream"}
    assert os.stat(os.path.dirname(listener)).st_mode & 0o777 == 0o700  # noqa: PTH116, PTH120 - short
    assert facts["directory"] == str(running.directory)


def test_a_configuration_arrives_whatever_its_names_are(client: Client) -> None:
    names = ("name", "PWD", "OLDPWD", "IFS", "PS4", "HOME", "my.key", "my-key", "1X", "A B", "ünï", "-x", "*")
    config = {name: f"of {name}" for name in names}
    environment = told(client, config=config, image="there")["environment"]
    assert {name: environment.get(name) for name in names} == config


def test_a_function_has_no_more_than_it_may(client: Client) -> None:
    facts = told(client, memory=64, fn_id="bound")
    assert facts["limits"] == [(64 + 512) * 2**20, 1024]
    own = ("/dev/null", "socket:", "pipe:", "/proc/")
    logs = ("/stdout", "/stderr")
    assert [it for it in facts["files"] if not (it.endswith(logs) or any(word in it for word in own))] == []
    assert client.call(b"hoards\n600", memory=64, fn_id="bound").body == b"no"
    assert client.call(b"hoards\n60", memory=64, fn_id="bound").body == b"%d" % (60 * 2**20)


def test_a_response_passes_with_its_headers(client: Client) -> None:
    answer = client.call(b"told\n")
    assert answer.starts[0].status_code == 200
    assert {"Fn-Http-Status", "X-A", "Content-Type"} <= {each.key for each in answer.starts[0].headers}
    assert answer.headers("fn-http-status") == ["404"]
    assert answer.headers("x-a") == ["1", "2"]
    assert answer.headers("connection") == []


def test_the_same_process_serves_calls_that_are_alike(client: Client) -> None:
    first = told(client, fn_id="alike")["pid"]
    assert told(client, fn_id="alike", headers={"A": ["1"]}, app_name="x", url="u")["pid"] == first
    others: tuple[dict[str, object], ...] = (
        {"fn_id": "other"},
        {"fn_id": "alike", "config": {"A": "1"}},
        {"fn_id": "alike", "annotations": {"a": {"b": 1}}},
    )
    pids = {told(client, **keys)["pid"] for keys in others}
    assert len(pids) == 3
    assert first not in pids


def test_only_the_call_that_started_its_process_is_told_of_it(client: Client) -> None:
    cold = client.call(fn_id="cold").finished
    hot = client.call(fn_id="cold").finished
    assert cold.initStartTime > 0
    assert cold.ctrCreateDuration > 0
    assert (hot.initStartTime, hot.ctrPrepDuration, hot.ctrCreateDuration) == (0, 0, 0)


def test_nobody_is_told_of_a_start_that_he_did_not_wait_for(client: Client) -> None:
    """A second process comes up while who caused it has the first one."""
    tardy = try_call(image="tardy", fn_id="spare")
    client.tell((tardy, *frames(b"x")))
    holding = client.engage(try_call(image="tardy", fn_id="spare", type="detached"), frame(b"x"))
    assert holding.next().result_start.http.status_code == 202  # it has the only process
    waiting = client.engage(tardy, *frames(b"sleep\n1"))
    holding.say(frame(eof=True))
    assert [each.rest().finished.initStartTime for each in (holding, waiting)] == [0, 0]
    both = [client.engage(tardy, frame(b"x")) for _ in range(2)]
    for each in both:
        each.say(frame(eof=True))
    assert [each.rest().finished.initStartTime for each in both] == [0, 0]


@pytest.mark.parametrize(
    ("body", "verdict", "is_kept"),
    [
        (b"status\n502", (502, "function failed", True), True),
        (b"status\n504", (504, "Timed out", True), True),
        (b"status\n500", (502, "invalid function response", True), False),
        (b"status\n404", (502, "invalid function response", True), False),
        (b"garbage\n", (502, "error receiving function response", True), False),
        (b"crash\n", (502, "error receiving function response", True), False),
        (b"cut\n", (502, "error receiving function response", True), False),
        (b"headers\n", (502, "function response header too large", True), False),
        (b"header\n70000", (502, "function response header too large", True), False),
        (b"large\n1048577", (502, "function response body too large", True), False),
        (b"endless\n", (502, "function response body too large", True), False),
        (b"large\n1048576", (0, "", False), True),
        (b"more\n", (0, "", False), False),
        (b"closes\n", (0, "", False), True),
    ],
)
def test_what_a_function_does_decides_about_its_process(
    client: Client, body: bytes, verdict: tuple[int, str, bool], *, is_kept: bool
) -> None:
    before = told(client, fn_id="decides")["pid"]
    answer = client.call(body, fn_id="decides")
    assert answer.code is grpc.StatusCode.OK
    assert answer.verdict == verdict
    assert answer.finished.details == "call-1"
    assert len(answer.body) <= 1_048_576
    assert (told(client, fn_id="decides")["pid"] == before) is is_kept


def test_a_function_that_takes_too_long_is_ended(client: Client) -> None:
    before = told(client, timeout=1, fn_id="late")["pid"]
    answer = client.call(b"sleep\n1000", timeout=1, fn_id="late")
    assert answer.verdict == (504, "Timed out", True)
    assert answer.finished.executionDuration >= 1_000_000_000
    assert told(client, timeout=1, fn_id="late")["pid"] != before


def test_a_call_whose_body_never_ends_is_ended_in_time(client: Client) -> None:
    answer = client.engage(try_call(timeout=1), frame(b"a")).rest()
    assert answer.verdict == (504, "Timed out", True)


def test_no_time_is_no_call(client: Client) -> None:
    assert client.call(timeout=0).verdict == (504, "Timed out", True)


@pytest.mark.parametrize(
    ("kind", "text"),
    [("early", "function invoked write before receiving entire request")],
)
def test_an_answer_before_the_question_is_whole_is_none(client: Client, kind: str, text: str) -> None:
    answer = client.engage(try_call(headers={"X-Test": [kind]}, fn_id=kind), frame(b"a")).rest()
    assert answer.verdict == (502, text, True)
    assert answer.starts == []


def test_a_function_that_closes_its_input(client: Client) -> None:
    opening = try_call(headers={"X-Test": ["deaf"]}, fn_id="deaf", timeout=1)
    answer = client.tell((opening, *(frame(b"x" * 10_240) for _ in range(200))))
    assert answer.verdict == (502, "function closed pipe while receiving request", True)


VIOLATION = grpc.StatusCode.UNKNOWN
EXPECTED_TRY = "Protocol failure: expected ClientMsg_Try"
EXPECTED_DATA = "Protocol failure: expected ClientMsg_Data"


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ((), EXPECTED_TRY),
        ((pb.ClientMsg(),), EXPECTED_TRY),
        ((frame(b"x"),), EXPECTED_TRY),
        ((try_call(),), EXPECTED_DATA),
        ((try_call(), try_call()), EXPECTED_DATA),
        ((try_call(), frame(b"x")), EXPECTED_DATA),
        ((try_call(), frame(b"x"), try_call()), EXPECTED_DATA),
        ((try_call(), pb.ClientMsg()), EXPECTED_DATA),
    ],
)
def test_messages_in_another_order_are_an_error(
    client: Client, messages: tuple[pb.ClientMsg, ...], text: str
) -> None:
    engagement = client.engage(*messages)
    engagement.half_close()
    answer = engagement.rest()
    assert (answer.code, answer.text, answer.messages) == (VIOLATION, text, [])


@pytest.mark.parametrize(
    ("opening", "code", "details"),
    [
        (raw("{"), 0, ""),
        (raw('{"headers": {"A": "b"}}'), 0, ""),
        (try_call("zz"), 0, "call-1"),
        (try_call(cpus=1), 400, ""),
        (try_call(cpus="-1"), 400, ""),
        (try_call(memory=10**9), 400, ""),
        (try_call(cpus="1000"), 400, ""),
        (try_call(headers={"A": ["1\r\nB: 2"]}), 400, "call-1"),
        (try_call(headers={"A": ["x" * 70_000]}), 413, "call-1"),
        (try_call(image="nobody knows"), 502, "call-1"),
        (try_call(image="exit"), 502, "call-1"),
        (try_call(image="file"), 502, "call-1"),
        (try_call(image="astray"), 502, "call-1"),
        (try_call(image="missing"), 502, "call-1"),
        (try_call(image="mute"), 504, "call-1"),
        (try_call(image="unaccepting", timeout=1), 504, "call-1"),
    ],
)
def test_calls_that_cannot_be_made(client: Client, opening: pb.ClientMsg, code: int, details: str) -> None:
    answer = client.tell((opening, *frames(b"x")))
    assert answer.code is grpc.StatusCode.OK
    last = answer.finished
    assert (last.success, last.errorCode, last.details) == (False, code, details)
    assert last.errorStr
    assert answer.starts == []


def test_a_detached_call_is_accepted_when_it_begins(client: Client) -> None:
    answer = client.call(b"hello", type="detached")
    assert [(start.status_code, list(start.headers)) for start in answer.starts] == [(202, [])]
    assert answer.body == b""
    assert answer.finished.success
    answer = client.call(b"crash\n", type="detached")
    assert [start.status_code for start in answer.starts] == [202]
    assert answer.finished.errorCode == 502
    assert client.call(type="detached", image="exit").starts == []


@pytest.mark.parametrize("kind", ["sync", "detached"])
def test_who_leaves_ends_his_call(client: Client, tmp_path: Path, kind: str) -> None:
    """A call that its function has seen takes the process along."""
    before = told(client, fn_id="left")["pid"]
    seen = tmp_path / "seen"
    engagement = client.engage(try_call(fn_id="left", type=kind), *frames(f"hangs\n{seen}".encode()))
    until(seen.exists)
    engagement.call.cancel()
    engagement.half_close()
    assert told(client, fn_id="left")["pid"] != before
    until(lambda: not is_alive(before))


def test_a_deadline_ends_a_call(client: Client) -> None:
    answer = client.tell((try_call(timeout=100), *frames(b"sleep\n1000")), timeout=1)
    assert answer.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert answer.messages == []


@pytest.mark.parametrize("kind", ["sync", "detached"])
def test_what_came_before_the_slot_comes_first(client: Client, kind: str) -> None:
    """While a process is started, a part of the body is kept; the rest follows it, in order."""
    body = os.urandom(500_000)
    for n in range(3):
        answer = client.call(body, fn_id=f"order-{kind}-{n}", type=kind)
        assert answer.finished.success, answer.verdict
        assert answer.body == (body if kind == "sync" else b"")


def test_status_counts(client: Client) -> None:
    until(lambda: client.status().active == 0)  # who left is gone soon
    before = client.status()
    engagement = client.engage(try_call(type="detached"))
    engagement.next()
    assert client.status().active == 1
    engagement.say(*frames(b""))
    assert engagement.rest(Answer()).finished.success
    after = client.status()
    assert after.requestsReceived == before.requestsReceived + 1
    assert after.requestsHandled == before.requestsHandled + 1
    assert not after.failed


def test_many_at_once(client: Client) -> None:
    engagements = [client.engage(try_call(fn_id="many"), *frames(str(n).encode())) for n in range(20)]
    assert [each.rest().body for each in engagements] == [str(n).encode() for n in range(20)]
    assert WAIT_S
