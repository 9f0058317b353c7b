"""Connections over HTTP: who they are for, and how long they are waited on."""

import asyncio
import hashlib
from pathlib import Path
from typing import cast

import pytest

from events.pod import PodPhase
from protocol.http.patience import PatientProtocol
from tests.protocol.http.test_http import POD, connect, parse, write
from tests.protocol.server.fake import FakePod
from tests.protocol.server.serving import serving

WHOLE = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:80", 200),
        ("a.localhost", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:1", 200),
        ("example.com", 403),
        ("127.0.0.1.example.com", 403),
        ("localhost.example.com:80", 403),
        ("evil/localhost", 403),
        ("", 403),
    ],
)
async def test_a_name_that_was_made_to_lead_here_is_refused(tmp_path: Path, host: str, status: int) -> None:
    """A page of such a name is no page of another site to its browser."""
    async with serving(tmp_path) as it:
        where, port = it.server.http_address.split(":")
        for path, expected in (("/metrics", status), ("/healthz", 200)):
            reader, writer = await asyncio.open_connection(where, int(port))
            writer.write(f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
            assert parse(await reader.read())[0] == expected, path
            writer.close()


@pytest.mark.asyncio
async def test_any_name_will_do_where_tokens_are_asked_for_or_others_come(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.toml"
    digest = hashlib.sha256(b"secret").hexdigest()
    tokens.write_text(f'[tokens.a]\nprincipal = "ann"\nsha256 = "{digest}"\n')
    for settings, headers in (
        ({"auth": {"tokens_file": str(tokens)}}, "authorization: Bearer secret\r\n"),
        ({"http": "0.0.0.0:0", "insecure": True}, ""),
    ):
        async with serving(tmp_path, **settings) as it:
            _, port = it.server.http_address.split(":")
            reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
            ask = f"GET /metrics HTTP/1.1\r\nhost: example.com\r\n{headers}connection: close\r\n\r\n"
            writer.write(ask.encode())
            assert parse(await reader.read())[0] == 200, settings
            writer.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("sent", [b"", b"GET /metrics HTTP/1.1\r\nhost:", WHOLE, WHOLE + b"GET /"])
async def test_a_request_that_does_not_come_ends_its_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr("protocol.http.patience.REQUEST_S", 0.05)
    async with serving(tmp_path) as it:
        host, port = it.server.http_address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(sent)
        assert (await reader.read()).startswith(b"HTTP/1.1 200 " if sent.startswith(WHOLE) else b"")
        writer.close()


@pytest.mark.asyncio
async def test_one_that_trickles_does_not_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocol.http.patience.REQUEST_S", 0.2)
    async with serving(tmp_path) as it:
        host, port = it.server.http_address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /metrics HTTP/1.1\r\n")
        ended = asyncio.ensure_future(reader.read())
        for _ in range(10_000):
            if (await asyncio.wait({ended}, timeout=0.001))[0]:
                break
            writer.write(b"x")
        assert ended.done()
        # What is sent to who has closed breaks the connection, and the end may be heard as that.
        assert isinstance(ended.exception(), ConnectionError) or ended.result() == b""
        writer.close()


@pytest.mark.asyncio
async def test_one_that_has_come_may_take_as_long_as_it_wants(tmp_path: Path) -> None:
    async with serving(tmp_path) as it:
        pod = it.plane.fake_gateway.pods[POD] = FakePod()
        write(tmp_path, "logs/main/stdout", b"first")
        address = it.server.http_address
        reader, writer = await connect(address, f"/pods/{POD}/1/files/logs/main/stdout?follow=1")
        await reader.readuntil(b"first\r\n")
        connections = it.server.listener._server.server_state.connections
        assert [cast("PatientProtocol", each)._waiting for each in connections] == [None]
        pod.phase = PodPhase.FAILED
        await reader.read()
        writer.close()
