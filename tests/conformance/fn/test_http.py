"""Functions are called over HTTP, by their names and by their triggers."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conformance.fn.client import WAIT_S, Client
from tests.conformance.fn.conftest import HOST, functions
from tests.conformance.fn.test_slots import until
from tests.conformance.peloton.server import Server, hosts, serving


@contextmanager
def asking(
    server: Server, method: str, path: str, body: bytes, **headers: str | bytes
) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(server.http, timeout=WAIT_S)
    try:
        connection.request(
            method, path, body, {name.replace("_", "-"): text for name, text in headers.items()}
        )
        yield connection.getresponse()
    finally:
        connection.close()


def test_a_function_is_invoked_by_its_name(running: Server) -> None:
    with asking(running, "POST", "/invoke/echo", b"x" * 100_000) as response:
        assert response.status == 200
        assert response.read() == b"x" * 100_000
        assert response.headers["content-type"] == "text/x"
        assert response.headers["fn-call-id"]


def test_its_answer_stays_what_it_says(running: Server) -> None:
    with asking(
        running, "POST", "/invoke/echo", b"told\n", Authorization="Bearer secret", X_A="1"
    ) as response:
        assert response.status == 200
        assert response.headers["fn-http-status"] == "404"
        assert response.headers.get_all("x-a") == ["1", "2"]
        told = json.loads(response.read())
    headers = {name.lower(): value for name, value in told["headers"]}
    assert headers["x-a"] == "1"
    assert headers["fn-call-id"] == response.headers["fn-call-id"]
    assert "authorization" not in headers
    assert told["environment"]["FN_MEMORY"] == "128"


def test_a_trigger_answers_for_itself(running: Server) -> None:
    with asking(running, "PUT", "/t/echo?a=b", b"told\n", X_A="1", Content_Type="a/b") as response:
        assert response.status == 404
        assert response.headers.get("x-a") is None
        headers = {name.lower(): value for name, value in json.loads(response.read())["headers"]}
    assert headers["fn-intent"] == "httprequest"
    assert headers["fn-http-method"] == "PUT"
    assert headers["fn-http-request-url"] == "/t/echo?a=b"
    assert headers["fn-http-h-x-a"] == "1"
    assert headers["content-type"] == "a/b"


def test_a_trigger_may_say_that_it_accepted_and_more(running: Server) -> None:
    with asking(running, "POST", "/t/echo", b"answers\nFn-Http-Status: 202\n\nhello") as response:
        assert (response.status, response.read()) == (202, b"hello")


def test_what_has_no_body_has_none_and_the_connection_goes_on(running: Server) -> None:
    connection = http.client.HTTPConnection(running.http, timeout=WAIT_S)
    for status in (204, 304):
        connection.request("POST", "/t/echo", f"answers\nFn-Http-Status: {status}\n\nhello")
        response = connection.getresponse()
        assert (response.status, response.read()) == (status, b"")
    connection.close()


def test_a_trigger_cannot_frame_its_response(running: Server) -> None:
    lines = (
        "Transfer-Encoding: gzip",
        "Connection: upgrade",
        "Upgrade: x",
        "Proxy-Foo: 1",
        "Content-Length: 1",
        "X: y",
    )
    told = "\n".join(f"Fn-Http-H-{line}" for line in lines)
    with asking(running, "POST", "/t/echo", f"answers\n{told}\n\nhello".encode()) as response:
        assert response.headers.get_all("transfer-encoding") == ["chunked"]
        assert [response.headers.get(name) for name in ("upgrade", "proxy-foo", "x")] == [None, None, "y"]
        assert response.read() == b"hello"


def test_values_of_headers_arrive_as_they_are(running: Server) -> None:
    with asking(running, "POST", "/invoke/echo", b"told\n", X_A="é".encode()) as response:
        headers = dict(json.loads(response.read())["headers"])
    assert headers["x-a"] == "é"


def test_failures_are_told_in_json(running: Server) -> None:
    for path, body, status in (
        ("/invoke/nobody", b"", 502),
        ("/invoke/echo", b"crash\n", 502),
        ("/t/echo", b"status\n504", 504),
    ):
        with asking(running, "POST", path, body) as response:
            assert response.status == status
            assert json.loads(response.read())["message"]
            assert response.headers["fn-call-id"]


def test_a_detached_call_is_accepted(running: Server, client: Client) -> None:
    with asking(running, "POST", "/invoke/echo", b"x", Fn_Invoke_Type="detached") as response:
        assert (response.status, response.read()) == (202, b"")
    until(lambda: client.status().active == 0)


def test_a_call_that_the_server_cuts_off_fails_by_the_letter(tmp_path: Path) -> None:
    with serving(tmp_path, hosts(HOST) + functions()) as server:
        connection = http.client.HTTPConnection(server.http, timeout=WAIT_S)
        connection.request("POST", "/invoke/echo", f"hangs\n{tmp_path}/seen")
        until((tmp_path / "seen").exists)
        assert server.terminate() == (0, b"")
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())) == (500, {"message": "internal server error"})
        connection.close()
        assert "Traceback" not in server.said()


def test_a_client_that_goes_away_ends_its_call(running: Server, client: Client) -> None:
    connection = http.client.HTTPConnection(running.http, timeout=WAIT_S)
    connection.request("POST", "/invoke/echo", b"sleep\n1000")
    until(lambda: client.status().active == 1)
    connection.close()
    until(lambda: client.status().active == 0)


def test_an_output_that_is_too_long_is_cut_off(running: Server) -> None:
    with asking(running, "POST", "/invoke/echo", b"endless\n") as response:
        assert response.status == 200
        try:
            assert len(response.read()) <= 1_048_576
        except http.client.IncompleteRead as cut:
            assert len(cut.partial) <= 1_048_576  # noqa: PT017 - how much came does not matter
        else:
            raise AssertionError("nobody can tell that it was cut off")
