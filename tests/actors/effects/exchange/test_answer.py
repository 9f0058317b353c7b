"""Answers are read alike however their bytes are cut, and as another reader of HTTP/1.1 reads them."""

from itertools import pairwise

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.effects.exchange.answer import Answer, Broken, Trouble

LIMIT = 400
GOOD = (
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", False),
    (b"HTTP/1.1 200 \r\nA: 1\r\na:\t 2 \r\nContent-Length: 0\r\n\r\n", False),
    (b"HTTP/1.1 404\nContent-Length: 2\n\nhi", False),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x\r\n678\r\n0\r\n\r\n", False),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\nContent-Length: 3\n\n1\r\na\r\n0\r\nT: v\n\n", False),
    (b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", False),
    (b"HTTP/1.1 204 No\r\nConnection: close\r\n\r\n", True),
    (b"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", False),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", True),
    (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", True),
    (b"HTTP/1.1 502 Bad\r\nConnection: keep-alive, CLOSE\r\nContent-Length: 1\r\n\r\na", True),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1", False),
)  # fmt: skip
"""Each with whether the connection is over with it."""
BAD = (
    (b"\0\1\2 what is this\r\n\r\n", Trouble.GARBAGE),
    (b"HTTP/2.0 200 OK\r\n\r\n", Trouble.GARBAGE),
    (b"HTTP/1.1 20 OK\r\n\r\n", Trouble.GARBAGE),
    (b"HTTP/1.1 101 Switching\r\n\r\n", Trouble.GARBAGE),
    (b"HTTP/1.1 200 OK\r\nA : 1\r\n\r\n", Trouble.GARBAGE),
    (b"HTTP/1.1 200 OK\r\nA: 1\r\n folded\r\n\r\n", Trouble.GARBAGE),
    (b"HTTP/1.1 200 OK\r\nA: \0\r\n\r\n", Trouble.GARBAGE),
    (b"HTTP/1.1 200 OK\r\n\rA: 1\r\n\r\n", Trouble.GARBAGE),
    (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Trouble.GARBAGE),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", Trouble.GARBAGE),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Trouble.GARBAGE),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", Trouble.GARBAGE),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", Trouble.GARBAGE),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT\r\n\r\n", Trouble.GARBAGE),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", Trouble.ENDED),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", Trouble.ENDED),
    (b"HTTP/1.1 200 OK\r\nA: 1\r\n", Trouble.ENDED),
    (b"", Trouble.ENDED),
    (b"HTTP/1.1 200 OK\r\nA: " + b"x" * LIMIT + b"\r\n\r\n", Trouble.HEADER_TOO_LARGE),
    (b"HTTP/1.1 200 OK\r\nA: " + b"x" * LIMIT, Trouble.HEADER_TOO_LARGE),
    (b"HTTP/1.1 100 Continue\r\n\r\n" * 20, Trouble.HEADER_TOO_LARGE),
    (b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n0\r\n" + b"T: v\r\n" * 99, Trouble.HEADER_TOO_LARGE),
)  # fmt: skip
Read = tuple[int, list[tuple[bytes, bytes]], bytes, int]
CUTS = st.lists(st.integers(0, 80), max_size=6)


def read(machine: Answer, answer: bytes, cuts: list[int]) -> Read:
    """Status, headers, body, and how much came after."""
    places = [0, *sorted(min(cut, len(answer)) for cut in cuts), len(answer)]
    parts = [answer[start:end] for start, end in pairwise(places)]

    def more() -> None:
        if parts:
            machine.take(parts.pop(0))
        else:
            machine.end()

    while (head := machine.head()) is None:
        more()
    pieces = []
    while (piece := machine.piece()) != b"":
        if piece is None:
            more()
        else:
            pieces.append(piece)
    after = machine.waiting + sum(map(len, parts))
    # The other one writes names in lower case.
    headers = [(name.lower(), value) for name, value in head.headers]
    return head.status, headers, b"".join(pieces), after


def read_by_another(answer: bytes) -> Read:
    """The same, as h11 sees it."""
    other = h11.Connection(h11.CLIENT)
    other.send(h11.Request(method="POST", target="/", headers=[("Host", "a")]))
    other.send(h11.EndOfMessage())
    other.receive_data(answer)
    other.receive_data(b"")
    status, headers, body = 0, [], b""
    while not isinstance(event := other.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Response):
            status, headers = event.status_code, list(event.headers)
            if (b"transfer-encoding", b"chunked") in headers:  # it passes on a length that does not count
                headers = [each for each in headers if each[0] != b"content-length"]
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
    after = len(other.trailing_data[0])
    return status, headers, body, after


@given(answer=st.sampled_from(GOOD), cuts=CUTS)
def test_an_answer_is_read_as_another_reads_it(answer: tuple[bytes, bool], cuts: list[int]) -> None:
    machine = Answer(LIMIT)
    assert read(machine, answer[0], cuts) == read_by_another(answer[0])
    assert machine.is_over
    assert machine.is_last is answer[1]


@given(answer=st.sampled_from(BAD), cuts=CUTS)
def test_what_is_no_answer_breaks_however_it_is_cut(answer: tuple[bytes, Trouble], cuts: list[int]) -> None:
    with pytest.raises(Broken) as caught:
        read(Answer(LIMIT), answer[0], cuts)
    assert caught.value.trouble is answer[1]


def test_one_answer_follows_another() -> None:
    machine = Answer(LIMIT)
    for _ in range(2):
        assert machine.is_fresh
        machine.take(GOOD[0][0])
        head = machine.head()
        assert head is not None
        assert (head.status, machine.piece(), machine.piece()) == (200, b"hello", b"")
        assert machine.is_over
        machine.again()
