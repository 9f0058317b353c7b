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
async def test_a_key_that_does_not_fit_is_told_at_the_start(tmp_path: Path) -> None:
    certificate, _ = make_certificate(tmp_path, "one")
    _, key = make_certificate(tmp_path, "two")
    write_token(tmp_path / "tokens", "one")
    for other in (key, tmp_path / "nowhere"):
        auth = {"tls_cert": str(certificate), "tls_key": str(other), "tokens_file": str(tmp_path / "tokens")}
        with pytest.raises(Unservable, match=r"^auth: the certificate or key cannot be used: "):
            async with serving(tmp_path, auth=auth):
                pytest.fail("it started")
