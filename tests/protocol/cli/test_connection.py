"""What is refused before anything is sent, and how the refusals of servers are told."""

from pathlib import Path

import grpc
import pytest
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from actors.kernel.decider import Code, Rejection
from protocol.cli.connection import Connection, Failed, failure
from protocol.cli.exits import Exit
from protocol.cli.watching import follow
from protocol.pb.peloton.api.v1alpha.watch.svc.watch_svc_pb2 import WatchRequest
from protocol.peloton.errors import statuses


def error(status: Status) -> grpc.aio.AioRpcError:
    rich = rpc_status.to_status(status)
    metadata = grpc.aio.Metadata(*rich.trailing_metadata)
    return grpc.aio.AioRpcError(rich.code, grpc.aio.Metadata(), metadata, rich.details)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (Code.INVALID, Exit.USAGE),
        (Code.NOT_FOUND, Exit.NOT_FOUND),
        (Code.ALREADY_EXISTS, Exit.CONFLICT),
        (Code.STALE_VERSION, Exit.CONFLICT),
        (Code.WRONG_STATE, Exit.FAILED),
        (Code.EXHAUSTED, Exit.FAILED),
        (Code.UNAVAILABLE, Exit.UNAVAILABLE),
        (Code.FORBIDDEN, Exit.UNAUTHENTICATED),
    ],
)
def test_a_refusal_is_told_in_the_servers_own_words(code: Code, told: Exit) -> None:
    failed = failure(error(statuses.of(Rejection(code, "nothing was stored"))), "h:1")
    assert (failed.code, failed.refusal) == (told, code.name)
    assert str(failed).removeprefix("unexpected entity version: ") == "nothing was stored"


def test_a_server_that_says_nothing_was_not_reached() -> None:
    nothing = grpc.aio.Metadata()
    unreached = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, nothing, nothing, "refused")
    assert str(failure(unreached, "h:1")) == "h:1 cannot be reached: refused"


@pytest.mark.parametrize("server", ["", "h:0", "127.0.0.1:65536", "127.0.0.1:99999", "[::1]:70000"])
def test_a_port_that_there_is_not_is_refused(server: str) -> None:
    with pytest.raises(Failed, match="--server: must be HOST:PORT") as caught:
        Connection.open(server)
    assert caught.value.code is Exit.USAGE


@pytest.mark.asyncio
@pytest.mark.parametrize("text", ["kéy", "a\nb", "a\r", "a\0b", "\udcff"])
async def test_a_key_that_no_header_can_bear_is_refused(text: str) -> None:
    connection = Connection.open("127.0.0.1:1")
    with pytest.raises(Failed, match="printable ASCII") as caught:
        await connection.write(connection.channel.unary_unary("/a/b"), b"", text)
    assert caught.value.code is Exit.USAGE
    await connection.close()


@pytest.mark.parametrize("text", ["tokén", "a\nb", "a\r", "\udcff"])
def test_a_token_that_no_header_can_bear_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("POLYPLANE_TOKEN", text)
    with pytest.raises(Failed, match="POLYPLANE_TOKEN: must have printable ASCII") as caught:
        Connection.open("127.0.0.1:1")
    assert caught.value.code is Exit.USAGE
    assert text not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff\0", b"-----BEGIN CERTIFICATE-----\nAA\n"])
def test_certificates_that_are_none_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(content)
    monkeypatch.setenv("POLYPLANE_CA", str(file))
    with pytest.raises(Failed, match="POLYPLANE_CA") as caught:
        Connection.open("127.0.0.1:1")
    assert caught.value.code is Exit.USAGE


@pytest.mark.asyncio
@pytest.mark.parametrize("server", ["127.0.0.1:1", "nowhere.invalid:7700"])
async def test_a_watch_gives_up_a_server_that_was_never_reached(server: str) -> None:
    """It says once that it waits."""
    connection = Connection.open(server)
    said: list[str] = []
    with pytest.raises(Failed, match="cannot be reached") as caught:
        async for _ in follow(connection, WatchRequest(), tell=said.append, patience_s=0.5):
            pass
    await connection.close()
    assert caught.value.code is Exit.UNAVAILABLE
    assert said == [f"waiting for the server at {server}"]
