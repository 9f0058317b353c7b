"""Requests to real processes over their sockets, good ones and bad ones."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop

from actors.effects.exchange import BadSocket, Broken, Exchange, Trouble, find_socket
from tests.functions import function

PATIENCE_S = 15.0
LIMIT = 8_192
CHUNKED = ((b"Host", b"localhost"), (b"Transfer-Encoding", b"chunked"))
Start = Callable[..., Awaitable[Path]]


@pytest_asyncio.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    started = []

    async def start(mode: str = "") -> Path:
        listener = {"FN_LISTENER": f"unix:{tmp_path / 'lsnr.sock'}", "MODE": mode}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            function.__file__,
            env={**os.environ, **listener},
            stderr=asyncio.subprocess.DEVNULL,
        )
        started.append(process)
        async with asyncio.timeout(PATIENCE_S):
            return await find_socket(tmp_path, "lsnr.sock")

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ask(exchange: Exchange, body: bytes, *headers: tuple[bytes, bytes]) -> tuple[int, bytes]:
    async with asyncio.timeout(PATIENCE_S):
        exchange.begin("POST", "/call", (*CHUNKED, *headers))
        if body:
            await feed(exchange, body)
        exchange.put_end()
        head = await exchange.head()
        pieces = []
        while piece := await exchange.piece():
            pieces.append(piece)
        return head.status, b"".join(pieces)


async def feed(exchange: Exchange, body: bytes) -> None:
    exchange.put(body)
    await asyncio.sleep(0)  # others have their turn
    if exchange.is_full:
        await exchange.drain()


async def connect(path: Path) -> Exchange:
    while True:
        try:
            return await Exchange.open(path, header_limit=LIMIT)
        except ConnectionRefusedError:  # it is made, and not listened to yet
            await asyncio.sleep(0)


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", ["", "direct"])
async def test_one_connection_serves_many_requests(start: Start, mode: str) -> None:
    exchange = await connect(await start(mode))
    for body in (b"", b"hello", b"x" * 200_000):
        assert await ask(exchange, body) == (200, body)
        assert exchange.again()
    assert exchange.is_ready
    _, told = await ask(exchange, b"told\n", (b"A", b"1"))
    assert json.loads(told)["line"] == "POST /call HTTP/1.1"
    assert ["A", "1"] in json.loads(told)["headers"]
    exchange.close()


@pytest.mark.asyncio
async def test_an_answer_until_the_end_of_the_connection_is_whole(start: Start) -> None:
    path = await start()
    exchange = await connect(path)
    assert await ask(exchange, b"closes\n") == (200, b"until the end")
    assert not exchange.again()
    exchange.close()
    again = await connect(path)
    assert await ask(again, b"x") == (200, b"x")
    again.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("word", "trouble"),
    [
        (b"garbage", Trouble.GARBAGE),
        (b"cut", Trouble.ENDED),
        (b"crash", Trouble.ENDED),
        (b"headers", Trouble.HEADER_TOO_LARGE),
        (b"continues", Trouble.HEADER_TOO_LARGE),
        (b"header", Trouble.HEADER_TOO_LARGE),
    ],
)
async def test_what_is_no_answer_breaks(start: Start, word: bytes, trouble: Trouble) -> None:
    exchange = await connect(await start())
    with pytest.raises(Broken) as caught:
        await ask(exchange, word + b"\n9000")
    assert caught.value.trouble is trouble
    assert not exchange.is_ready


@pytest.mark.asyncio
async def test_more_than_an_answer_ends_the_connection(start: Start) -> None:
    exchange = await connect(await start())
    assert await ask(exchange, b"more\n") == (200, b"a")
    assert exchange.has_more
    assert not exchange.again()
    exchange.close()


@pytest.mark.asyncio
async def test_an_answer_may_come_before_the_request_is_whole(start: Start) -> None:
    exchange = await connect(await start())
    exchange.begin("POST", "/call", (*CHUNKED, (b"X-Test", b"early")))
    async with asyncio.timeout(PATIENCE_S):
        assert (await exchange.head()).status == 200
    exchange.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", ["", "unaccepting"])
async def test_who_does_not_read_is_not_sent_more(start: Start, mode: str) -> None:
    """Only what the buffers between the two take is taken from whoever feeds."""
    exchange = await connect(await start(mode))
    exchange.begin("POST", "/call", (*CHUNKED, (b"X-Test", b"slow")))
    fed = 0
    while (await asyncio.wait([asyncio.ensure_future(feed(exchange, b"x" * 65_536))], timeout=0.3))[0]:
        fed += 65_536
        assert fed < 2**21
    exchange.close()


@pytest.mark.asyncio
async def test_nothing_is_read_that_nobody_asks_for(start: Start) -> None:
    """An endless answer takes no memory: what is not asked for stays with the process."""
    exchange = await connect(await start())
    exchange.begin("POST", "/call", CHUNKED)
    await feed(exchange, b"endless\n")
    exchange.put_end()
    async with asyncio.timeout(PATIENCE_S):
        await exchange.head()
        for _ in range(100):
            piece = await exchange.piece()
            assert piece
            assert len(piece) <= 131_072
    assert exchange._answer.waiting <= 8 * 65_536
    exchange.close()


@pytest.mark.asyncio
async def test_who_closes_its_input_is_told_of(start: Start) -> None:
    exchange = await connect(await start())
    exchange.begin("POST", "/call", (*CHUNKED, (b"X-Test", b"deaf")))
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(Broken) as caught:
            await feed_for_ever(exchange)
    assert caught.value.trouble is Trouble.INPUT_CLOSED
    exchange.close()


async def feed_for_ever(exchange: Exchange) -> None:
    while True:
        await feed(exchange, b"x")


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", ["file", "astray"])
async def test_only_a_socket_is_a_socket(start: Start, mode: str) -> None:
    with pytest.raises(BadSocket):
        await start(mode)


@pytest.mark.asyncio
async def test_a_link_must_not_lead_out_of_its_directory(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    for target in ("../x.sock", "/x.sock", "..", "/", "a/../../x"):
        link = inner / "lsnr.sock"
        link.symlink_to(target)
        with pytest.raises(BadSocket):
            await find_socket(inner, "lsnr.sock")
        link.unlink()


@pytest.mark.asyncio
async def test_a_request_is_sent_when_its_end_is(start: Start) -> None:
    """An answer may come before: then the rest of the request goes nowhere, and is known not to be sent."""
    exchange = await Exchange.open(await start(), header_limit=LIMIT)
    exchange.begin("POST", "/call", (*CHUNKED, (b"X-Test", b"early")))
    async with asyncio.timeout(PATIENCE_S):
        assert (await exchange.head()).status == 200
        exchange.put(b"part")
        before = exchange.is_sent
        exchange.put_end()
    assert (before, exchange.is_sent) == (False, True)
    exchange.close()


def test_what_waits_to_be_sent_when_the_connection_is_lost_is_left(tmp_path: Path) -> None:
    """The loop of a server refuses to write to a transport that is closed."""
    uvloop.run(lose_while_something_waits(tmp_path / "gone.sock"))


async def lose_while_something_waits(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        exchange = await Exchange.open(path, header_limit=LIMIT)
        process, _ = listener.accept()
        exchange.begin("POST", "/call", CHUNKED)
        exchange._send()
        process.close()
        exchange.put(b"more")
        exchange._send()
        exchange.put(b"and more")
        async with asyncio.timeout(PATIENCE_S):
            while not exchange.is_full:  # noqa: ASYNC110 - until it is lost
                await asyncio.sleep(0)
        exchange._send()
        with pytest.raises(Broken):
            exchange.put(b"and more")
        exchange.close()
