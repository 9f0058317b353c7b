"""Health, metrics and files over HTTP."""

import asyncio
import hashlib
import json
import re
from pathlib import Path
from typing import cast
from urllib.parse import quote

import pytest

from actors.effects.engines.process.trim import punch_hole
from events.pod import PodPhase
from tests.protocol.server.fake import FakePod
from tests.protocol.server.serving import serving

POD = "01a204e6-ae70-7162-92b3-b2e06739e724-0"


async def get(address: str, path: str, *headers: str) -> tuple[int, bytes]:
    """Ask without a library: what a path says is sent as it is."""
    reader, writer = await connect(address, path, *headers)
    status, body = parse(await reader.read())
    writer.close()
    await writer.wait_closed()
    return status, body


async def connect(
    address: str, path: str, *headers: str, method: str = "GET"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}", "connection: close", *headers, "", ""]
    writer.write("\r\n".join(lines).encode())
    return reader, writer


def parse(answer: bytes) -> tuple[int, bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        whole = b""
        while body:
            size, _, rest = body.partition(b"\r\n")
            whole += rest[: int(size, 16)]
            body = rest[int(size, 16) + 2 :]
        body = whole
    return int(head.split()[1]), body


def write(root: Path, path: str, content: bytes) -> Path:
    file = root / "pods" / POD / "1" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


@pytest.mark.asyncio
async def test_health_is_ok_or_unavailable(tmp_path: Path) -> None:
    async with serving(tmp_path) as it:
        status, body = await get(it.server.http_address, "/healthz")
        assert (status, json.loads(body)) == (200, {"status": "ok", "revision": 7})
        it.plane.is_serving = False
        status, body = await get(it.server.http_address, "/healthz")
        assert (status, json.loads(body)["status"]) == (503, "unavailable")


@pytest.mark.asyncio
async def test_metrics_are_of_this_server_alone(tmp_path: Path) -> None:
    async with serving(tmp_path) as it:
        _, body = await get(it.server.http_address, "/metrics")
        names = {line.split()[2] for line in body.decode().splitlines() if line.startswith("# HELP")}
        assert {"polyplane_revision", "polyplane_commits_total", "polyplane_calls_total"} <= names
        assert all(name.startswith("polyplane_") for name in names)


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/", "/nope", "/pods", f"/pods/{POD}/1/files/logs/main/stdout"])
async def test_what_is_not_there_is_told_as_json(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path) as it:
        status, body = await get(it.server.http_address, path)
        assert (status, json.loads(body)["error"]["code"]) == (404, 404)


@pytest.mark.asyncio
async def test_what_cannot_be_done_is_told_with_what_can(tmp_path: Path) -> None:
    async with serving(tmp_path) as it:
        reader, writer = await connect(it.server.http_address, "/metrics", method="DELETE")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert parse(answer)[0] == 405
        (allowed,) = re.findall(rb"\r\nallow: ([^\r]*)\r\n", answer)
        assert set(allowed.split(b", ")) == {b"GET", b"HEAD"}


@pytest.mark.asyncio
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_pages_of_other_sites_change_nothing(tmp_path: Path, site: str) -> None:
    """A browser on this machine asks in the name of whatever page it shows, and says so."""
    async with serving(tmp_path) as it:
        for headers, method, status in (
            ((f"sec-fetch-site: {site}",), "POST", 403),
            ((f"Sec-Fetch-Site: {site}", "content-length: 0"), "DELETE", 403),
            ((f"sec-fetch-site: {site}",), "GET", 200),
            (("sec-fetch-site: same-origin",), "POST", 405),
            (("sec-fetch-site: none",), "POST", 405),
            ((), "POST", 405),
        ):
            reader, writer = await connect(it.server.http_address, "/metrics", *headers, method=method)
            assert parse(await reader.read())[0] == status, (headers, method)
            writer.close()


@pytest.mark.asyncio
async def test_headers_are_bounded_whatever_parser_there_is(tmp_path: Path) -> None:
    async with serving(tmp_path) as it:
        for header in (f"x: {'y' * 2**20}", "\r\n".join(["x: y"] * 2**16)):
            reader, writer = await connect(it.server.http_address, "/healthz", header)
            assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
            writer.close()


@pytest.mark.asyncio
async def test_a_file_is_served_whole_or_in_part(tmp_path: Path) -> None:
    write(tmp_path, "logs/main/stdout", b"0123456789")
    write(tmp_path, "sandbox/deep/file", b"x")
    async with serving(tmp_path) as it:
        address, path = it.server.http_address, f"/pods/{POD}/1/files"
        assert await get(address, f"{path}/logs/main/stdout") == (200, b"0123456789")
        assert await get(address, f"{path}/logs/main/stdout?offset=3&limit=4") == (200, b"3456")
        assert await get(address, f"{path}/logs/main/stdout?offset=30") == (200, b"")
        status, body = await get(address, path)
        assert (status, json.loads(body)["files"]) == (200, ["logs/main/stdout", "sandbox/deep/file"])
        for wrong in ("-1", "", "1.0", "%D9%A1", "9" * 19, "9" * 5000, "0" * 5000):
            status, body = await get(address, f"{path}/logs/main/stdout?offset={wrong}")
            assert (status, b"offset: " in body) == (400, True), wrong


@pytest.mark.asyncio
async def test_behind_every_end_of_a_file_there_is_nothing(tmp_path: Path) -> None:
    write(tmp_path, "logs/main/stdout", b"0123456789")
    write(tmp_path, "sandbox/file", b"0123456789")
    async with serving(tmp_path) as it:
        for file in ("logs/main/stdout", "sandbox/file"):
            path = f"/pods/{POD}/1/files/{file}"
            for offset in (10, 2**31, 2**63 - 65536, 2**63 - 2, 2**63 - 1):
                for limit in (0, 1, 2**63 - 1):
                    reader, writer = await connect(
                        it.server.http_address, f"{path}?offset={offset}&limit={limit}"
                    )
                    answer = await reader.read()
                    writer.close()
                    await writer.wait_closed()
                    assert answer.startswith(b"HTTP/1.1 200 ")
                    assert answer.endswith(b"\r\n\r\n0\r\n\r\n"), offset  # whole, and empty


@pytest.mark.asyncio
async def test_whatever_is_listed_can_be_fetched(tmp_path: Path) -> None:
    names = (
        "a b",
        "a\nb",
        "\n",
        "end\n",
        "\r",
        "\t",
        "?x=1",
        "#",
        "%2f",
        "%0A",
        "a%20b",
        "ä",
        "...",
        "&;+=",
        "\\",
    )
    for name in names:
        write(tmp_path, f"sandbox/{name}", name.encode())
        write(tmp_path, f"sandbox/below {name}/{name}", name.encode())
    async with serving(tmp_path) as it:
        for pod in (POD, POD.upper()):
            path = f"/pods/{pod}/1/files"
            status, body = await get(it.server.http_address, path)
            listed = json.loads(body)["files"]
            assert (status, len(listed)) == (200, 2 * len(names))
            for each in listed:
                content = each.removeprefix("sandbox/").rpartition("/")[2].encode()
                assert await get(it.server.http_address, f"{path}/{quote(each)}") == (200, content)


@pytest.mark.asyncio
async def test_files_are_listed_of_runs_that_were(tmp_path: Path) -> None:
    """A run that has no files yet, or none any more, has an empty list; one that never was has none."""
    async with serving(tmp_path) as it:
        it.plane.fake_gateway.pods[POD] = FakePod(run=2)
        for run, status in ((1, 200), (2, 200), (3, 404), (0, 404)):
            assert (await get(it.server.http_address, f"/pods/{POD}/{run}/files"))[0] == status
        assert (await get(it.server.http_address, "/pods/nobody/1/files"))[0] == 404


@pytest.mark.asyncio
async def test_of_a_log_is_served_what_is_left(tmp_path: Path) -> None:
    """A log whose beginning was given back keeps its offsets; a sparse file of the pod's is what it is."""
    content = b"lost" * 4096 + b"what is left"
    for path in ("logs/main/stdout", "sandbox/sparse"):
        with write(tmp_path, path, content).open("r+b") as file:
            punch_hole(file.fileno(), 16384)
    async with serving(tmp_path) as it:
        address, path = it.server.http_address, f"/pods/{POD}/1/files"
        assert await get(address, f"{path}/logs/main/stdout") == (200, b"what is left")
        for offset, part in ((5, b"what is left"), (16389, b"is left"), (99999, b"")):
            assert await get(address, f"{path}/logs/main/stdout?offset={offset}") == (200, part)
        assert await get(address, f"{path}/logs/main/stdout?offset=1&limit=4") == (200, b"what")
        assert (await get(address, f"{path}/sandbox/sparse"))[1] == bytes(16384) + b"what is left"


@pytest.mark.asyncio
async def test_nothing_outside_is_served(tmp_path: Path) -> None:
    stdout = write(tmp_path, "logs/main/stdout", b"0")
    write(tmp_path, "record/claim", b"secret")
    write(tmp_path, "sandbox/file", b"0")
    (tmp_path / "secret").write_text("secret")
    (stdout.parent / "link").symlink_to(tmp_path / "secret")
    (stdout.parent.parent / "dir").symlink_to(tmp_path)
    async with serving(tmp_path) as it:
        for path in (
            f"/pods/{POD}/1/files/record/claim",
            f"/pods/{POD}/1/files/logs/../record/claim",
            f"/pods/{POD}/1/files/logs/%2e%2e/record/claim",
            f"/pods/{POD}/1/files/logs/..%2frecord/claim",
            f"/pods/{POD}/1/files/logs/main/link",
            f"/pods/{POD}/1/files/logs/dir/secret",
            f"/pods/{POD}/1/files/logs/main",
            f"/pods/{POD}/1/files/%2fetc/passwd",
            f"/pods/{POD}/1/files/logs/main/stdout%00",
            "/pods/../1/files/secret",
            "/pods/%2e%2e/1/files/secret",
            f"/pods/{POD}/../1/files/logs/main/stdout",
            f"/pods/{POD}/0/files/logs/main/stdout",
        ):
            status, body = await get(it.server.http_address, path)
            assert status == 404, path
            assert b"secret" not in body


@pytest.mark.asyncio
async def test_a_followed_file_is_served_as_it_grows_until_the_run_ends(tmp_path: Path) -> None:
    async with serving(tmp_path) as it:
        pod = it.plane.fake_gateway.pods[POD] = FakePod()
        path = f"/pods/{POD}/1/files/logs/main/stdout?follow=1"
        reader, writer = await connect(it.server.http_address, path)
        stdout = write(tmp_path, "logs/main/stdout", b"first")
        begun = await reader.readuntil(b"first\r\n")
        with stdout.open("ab") as file:
            file.write(b"second")
        begun += await reader.readuntil(b"second\r\n")
        with stdout.open("ab") as file:
            file.write(b"last")
        pod.phase = PodPhase.FAILED
        assert parse(begun + await reader.read()) == (200, b"firstsecondlast")
        writer.close()
        await writer.wait_closed()


class Watched:
    """A pod that runs for ever, and tells when it was looked at."""

    run = 1

    def __init__(self) -> None:
        self.looks = asyncio.Event()

    @property
    def phase(self) -> PodPhase:
        self.looks.set()
        return PodPhase.RUNNING


@pytest.mark.asyncio
async def test_a_file_that_never_comes_is_not_waited_for_when_nobody_waits(tmp_path: Path) -> None:
    async with serving(tmp_path) as it:
        pod = Watched()
        it.plane.fake_gateway.pods[POD] = cast("FakePod", pod)
        others = asyncio.all_tasks()
        _, writer = await connect(it.server.http_address, f"/pods/{POD}/1/files/logs/main/never?follow=1")
        await pod.looks.wait()
        waiting = asyncio.all_tasks() - others
        assert waiting
        writer.close()
        await writer.wait_closed()
        _, left = await asyncio.wait(waiting, timeout=10)
        assert not left


@pytest.mark.asyncio
async def test_head_is_get_without_the_body_and_waits_for_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as it:
        it.plane.fake_gateway.pods[POD] = FakePod()
        write(tmp_path, "logs/main/stdout", b"first")
        path = f"/pods/{POD}/1/files/logs/main"
        host, port = it.server.http_address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        for file in ("stdout?follow=1", "never?follow=1", "stdout"):
            writer.write(f"HEAD {path}/{file} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        async with asyncio.timeout(10):
            answers = (await reader.read()).split(b"HTTP/1.1 ")[1:]
        assert [answer[:3] for answer in answers] == [b"200", b"404", b"200", b"200"]
        assert b"first" not in b"".join(answers)
        writer.close()
        await writer.wait_closed()


@pytest.mark.asyncio
async def test_a_followed_file_ends_with_the_server(tmp_path: Path) -> None:
    async with serving(tmp_path) as it:
        it.plane.fake_gateway.pods[POD] = FakePod()
        write(tmp_path, "logs/main/stdout", b"first")
        reader, writer = await connect(
            it.server.http_address, f"/pods/{POD}/1/files/logs/main/stdout?follow=1"
        )
        begun = await reader.readuntil(b"first\r\n")
        await it.server.stop(asyncio.Event())
        assert parse(begun + await reader.read()) == (200, b"first")
        writer.close()
        await writer.wait_closed()


@pytest.mark.asyncio
async def test_without_a_known_token_only_health_answers(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    digest = hashlib.sha256(b"secret").hexdigest()
    tokens.write_text(f'[tokens.a]\nprincipal = "ann"\nroles = ["reader"]\nsha256 = "{digest}"\n')
    async with serving(tmp_path, auth={"tokens_file": str(tokens)}) as it:
        address = it.server.http_address
        assert (await get(address, "/healthz"))[0] == 200
        assert (await get(address, "/metrics"))[0] == 401
        assert (await get(address, "/metrics", "authorization: Bearer wrong"))[0] == 401
        assert (await get(address, "/metrics", "Authorization: Bearer secret"))[0] == 200
