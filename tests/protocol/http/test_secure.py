"""TLS and tokens on both ports, and their renewal at SIGHUP."""

import asyncio
import hashlib
import ssl
import subprocess
from pathlib import Path

import grpc
import pytest

from protocol.pb.peloton.api.v1alpha.job.stateless.svc.stateless_svc_pb2 import QueryJobsRequest
from protocol.pb.peloton.api.v1alpha.job.stateless.svc.stateless_svc_pb2_grpc import JobServiceStub
from protocol.server import Unservable
from tests.protocol.server.serving import serving


def make_certificate(directory: Path, name: str) -> tuple[Path, Path]:
    """A certificate for this machine that signs itself, and its key."""
    certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


async def common_name(address: str, trusted: Path) -> str:
    """Whom the certificate at an address is for, if it is trusted."""
    host, port = address.split(":")
    context = ssl.create_default_context(cafile=str(trusted))
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    subject = dict(pair[0] for pair in writer.get_extra_info("peercert")["subject"])
    writer.close()
    await writer.wait_closed()
    return str(subject["commonName"])


async def code(address: str, trusted: Path, token: str) -> grpc.StatusCode:
    """What a call with a token ends with."""
    credentials = grpc.ssl_channel_credentials(trusted.read_bytes())  # noqa: ASYNC240 - one small file
    async with grpc.aio.secure_channel(address, credentials) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await JobServiceStub(channel).QueryJobs(
                QueryJobsRequest(), metadata=(("authorization", f"Bearer {token}"),), timeout=10
            )
        return caught.value.code()


async def answers(address: str, trusted: Path, client: tuple[Path, Path] | None) -> bool:
    """Whether a client with this certificate and its key is answered over HTTP."""
    host, port = address.split(":")
    context = ssl.create_default_context(cafile=str(trusted))
    if client is not None:
        context.load_cert_chain(*client)
    try:
        reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    except (ssl.SSLError, ConnectionError):
        return False
    return answer.startswith(b"HTTP/1.1 200 ")


def write_token(path: Path, token: str) -> None:
    digest = hashlib.sha256(token.encode()).hexdigest()
    path.write_text(f'[tokens.a]\nprincipal = "ann"\nroles = ["writer"]\nsha256 = "{digest}"\n')


@pytest.mark.asyncio
async def test_certificates_and_tokens_are_renewed_without_a_restart(tmp_path: Path) -> None:
    old, old_key = make_certificate(tmp_path, "old")
    new, new_key = make_certificate(tmp_path, "new")
    certificate, key, tokens = tmp_path / "cert", tmp_path / "key", tmp_path / "tokens"
    certificate.write_bytes(old.read_bytes())
    key.write_bytes(old_key.read_bytes())
    write_token(tokens, "one")
    auth = {"tls_cert": str(certificate), "tls_key": str(key), "tokens_file": str(tokens)}
    async with serving(tmp_path, auth=auth) as it:
        grpc_address, http_address = it.server.grpc_address, it.server.http_address
        assert await code(grpc_address, old, "one") is grpc.StatusCode.UNIMPLEMENTED
        assert await code(grpc_address, old, "two") is grpc.StatusCode.UNAUTHENTICATED
        assert await common_name(http_address, old) == "old"

        certificate.write_bytes(new.read_bytes())
        key.write_bytes(new_key.read_bytes())
        write_token(tokens, "two")
        it.server.reload()
        assert await code(grpc_address, new, "two") is grpc.StatusCode.UNIMPLEMENTED
        assert await code(grpc_address, new, "one") is grpc.StatusCode.UNAUTHENTICATED
        assert await common_name(http_address, new) == "new"
        with pytest.raises(ssl.SSLCertVerificationError):
            await common_name(http_address, old)

        key.unlink()
        tokens.write_text("[")
        it.server.reload()
        assert await code(grpc_address, new, "two") is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.asyncio
async def test_whose_clients_are_let_in_is_renewed_too(tmp_path: Path) -> None:
    server, server_key = make_certificate(tmp_path, "server")
    ann, bob = make_certificate(tmp_path, "ann"), make_certificate(tmp_path, "bob")
    authority = tmp_path / "authority"
    authority.write_bytes(ann[0].read_bytes())
    auth = {"tls_cert": str(server), "tls_key": str(server_key), "client_ca": str(authority)}
    async with serving(tmp_path, auth=auth) as it:
        address = it.server.http_address
        assert await answers(address, server, ann)
        assert not await answers(address, server, bob)
        authority.write_bytes(bob[0].read_bytes())
        it.server.reload()
        assert await answers(address, server, bob)
        assert not await answers(address, server, ann)
        assert not await answers(address, server, None)


@pytest.mark.asyncio
async def test_a_key_that_does_not_fit_leaves_the_old_one_in_force(tmp_path: Path) -> None:
    (old, old_key), (_, key) = make_certificate(tmp_path, "old"), make_certificate(tmp_path, "new")
    new = tmp_path / "new.pem"
    async with serving(tmp_path, auth={"tls_cert": str(old), "tls_key": str(old_key)}) as it:
        with pytest.raises(OSError, match="KEY_VALUES_MISMATCH"):
            it.server.listener.reload(new, old_key)
        assert await common_name(it.server.http_address, old) == "old"
        it.server.listener.reload(new, key)
        assert await common_name(it.server.http_address, new) == "new"


@pytest.mark.asyncio
async def test_a_key_that_does_not_fit_is_told_at_the_start(tmp_path: Path) -> None:
    certificate, _ = make_certificate(tmp_path, "one")
    _, key = make_certificate(tmp_path, "two")
    write_token(tmp_path / "tokens", "one")
    for other in (key, tmp_path / "nowhere"):
        auth = {"tls_cert": str(certificate), "tls_key": str(other), "tokens_file": str(tmp_path / "tokens")}
        with pytest.raises(Unservable, match=r"^auth: the certificate or key cannot be used: "):
            async with serving(tmp_path, auth=auth):
                pytest.fail("it started")
