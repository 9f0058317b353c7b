"""Only headers that are headers pass, and only those of the call."""

import pytest

from protocol.fn.translate.headers import deadline, request_headers, response_headers
from protocol.fn.translate.model import CallModel
from protocol.fn.translate.outcomes import Unfit

NOON = 1_700_000_000_999_999


def sent(
    *headers: tuple[str, tuple[str, ...]], call_id: str = "c1", limit: int = 4096
) -> list[tuple[bytes, bytes]]:
    return [*request_headers(CallModel(id=call_id, headers=headers), limit), deadline(NOON)]


FRAME = [(b"Host", b"localhost"), (b"Transfer-Encoding", b"chunked")]
OURS = [(b"Fn-Call-Id", b"c1"), (b"Fn-Deadline", b"2023-11-14T22:13:20Z")]


def test_each_value_is_a_line() -> None:
    assert sent(("A", ("1", "2")), ("B", ())) == [*FRAME, (b"A", b"1"), (b"A", b"2"), *OURS]


@pytest.mark.parametrize(
    "name",
    ["Connection", "keep-alive", "Proxy-Authorization", "proxy-foo", "Te", "Trailer", "Transfer-Encoding",
     "Upgrade", "Content-Length", "Host", "fn-call-id", "FN-DEADLINE"],
)  # fmt: skip
def test_what_belongs_to_a_connection_or_to_us_does_not_pass(name: str) -> None:
    assert sent((name, ("x",))) == [*FRAME, *OURS]


def test_te_passes_as_trailers() -> None:
    assert (b"Te", b"trailers") in sent(("Te", ("trailers", "gzip")))


@pytest.mark.parametrize(
    ("name", "value"),
    [("A", "1\r\nB: 2"), ("A", "1\nB"), ("A", "1\rB"), ("A", "\0"), ("A\r\nB", "1"), ("A:", "1"), ("", "1"),
     ("A b", "1"), ("Ä", "1"), ("A", "\x7f")],
)  # fmt: skip
def test_nothing_can_be_put_between_headers(name: str, value: str) -> None:
    with pytest.raises(Unfit) as caught:
        sent((name, (value,)))
    assert caught.value.fault.code == 400


def test_the_id_cannot_be_another_header() -> None:
    with pytest.raises(Unfit):
        sent(call_id="1\r\nX: y")


def test_headers_have_a_bound_together() -> None:
    with pytest.raises(Unfit) as caught:
        sent(("A", tuple("x" * 100 for _ in range(50))))
    assert caught.value.fault.code == 413


def test_a_response_loses_what_belongs_to_its_connection() -> None:
    given = [
        (b"content-type", b"a/b"),
        (b"transfer-encoding", b"chunked"),
        (b"fn-http-status", b"404"),
        (b"x", b"\xff"),
    ]
    assert response_headers(given) == (("content-type", "a/b"), ("fn-http-status", "404"), ("x", "\ufffd"))
