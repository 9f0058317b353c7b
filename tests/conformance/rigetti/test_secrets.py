"""Encrypted jobs, keys that are read again, and who may do what."""

import base64
import hashlib
import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.pb.rigetti.controller import job_pb2
from protocol.pb.rigetti.controller import service_pb2 as pb
from tests.conformance.peloton.server import PROCESSES, Server
from tests.conformance.rigetti.client import BELL, Client, Code, Outcome, job, plaintext, refused

keys = pytest.importorskip("actors.effects.quantum.keys")
MARK = "no-one-else-may-read-this"
SECRET = f"# {MARK}\n{BELL}"


def write_keys(path: Path, *ids: str) -> None:
    """A file with a key for each id; every second one is for sealed boxes."""
    schemes = ("aes-256-gcm", "sealed-box")
    tables = (
        f'[keys.{id}]\nscheme = "{schemes[number % 2]}"\n'
        f'key = "{base64.b64encode(hashlib.sha256(id.encode()).digest()).decode()}"\n'
        for number, id in enumerate(ids)  # noqa: A001 - the name of the thing
    )
    path.write_text("".join(tables))


def write_tokens(path: Path) -> None:
    roles = {"ann": '["reader", "writer", "settings-admin"]', "bob": '["reader", "writer"]'}
    path.write_text(
        "".join(
            f'[tokens.{name}]\nprincipal = "{name}"\nroles = {roles[name]}\n'
            f'sha256 = "{hashlib.sha256(name.encode()).hexdigest()}"\n'
            for name in roles
        )
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("guarded")
    write_keys(folder / "keys.toml", "k1", "k2")
    write_tokens(folder / "tokens.toml")
    configuration = (
        f'[auth]\ntokens_file = "{folder}/tokens.toml"\n[rigetti]\nplaintext_jobs = false\n'
        f'keys_file = "{folder}/keys.toml"\nmanaged_settings = ["laser"]\n'
    )
    server = Server(folder, configuration + PROCESSES, keeps=True)
    server.start()
    yield server
    server.close()
    assert "Traceback" not in server.said()


@pytest.fixture
def ann(server: Server) -> Client:
    return Client(server.grpc, "ann")


@pytest.fixture
def bob(server: Server) -> Client:
    return Client(server.grpc, "bob")


def sealed(server: Server, key_id: str, body: bytes | None = None) -> pb.ExecuteControllerJobRequest:
    """A request whose job is encrypted as a client would."""
    secret = keys.KeyFile(server.directory / "keys.toml").encrypt(key_id, body or plaintext(SECRET))
    request = job()
    request.encrypted.CopyFrom(
        job_pb2.EncryptedControllerJob(
            job=secret.job, encryption=job_pb2.JobEncryption(key_id=key_id, nonce=secret.nonce)
        )
    )
    return request


@pytest.mark.parametrize("key_id", ["k1", "k2"])
def test_an_encrypted_job_runs(server: Server, ann: Client, key_id: str) -> None:
    assert ann.result(ann.one(sealed(server, key_id))).status == Outcome.SUCCESS


def test_the_journal_never_has_the_plaintext(server: Server, ann: Client) -> None:
    long = plaintext(f"# {MARK}\n" * 4_000 + BELL)
    for body in (None, long):
        ann.result(ann.one(sealed(server, "k1", body)))
    directory = Path(server.data)
    found = [path for path in directory.rglob("*") if path.is_file() and MARK.encode() in path.read_bytes()]
    assert found == []
    assert MARK not in server.said()


def test_whatever_is_wrong_with_a_secret_is_told_alike(server: Server, ann: Client) -> None:
    good = sealed(server, "k1")
    told = set()
    for change in ("key_id", "nonce", "short nonce", "tag", "other key"):
        request = pb.ExecuteControllerJobRequest()
        request.CopyFrom(good)
        match change:
            case "key_id":
                request.encrypted.encryption.key_id = "k9"
            case "nonce":
                request.encrypted.encryption.nonce = bytes(12)
            case "short nonce":
                request.encrypted.encryption.nonce = good.encrypted.encryption.nonce[:11]
            case "tag":
                request.encrypted.job = good.encrypted.job[:-1] + bytes([good.encrypted.job[-1] ^ 1])
            case _:
                request.encrypted.encryption.key_id = "k2"
        with pytest.raises(Exception, match="decrypted") as caught:
            ann.submit(request)
        told.add((caught.value.code(), caught.value.details()))  # type: ignore[attr-defined]
    assert len(told) == 1
    assert next(iter(told))[0] is Code.INVALID_ARGUMENT


def test_plaintext_is_refused_where_it_is_not_allowed(ann: Client) -> None:
    with refused(Code.INVALID_ARGUMENT, "encrypted"):
        ann.submit(job())


def test_keys_are_read_again_at_sighup(server: Server, ann: Client) -> None:
    path = server.directory / "keys.toml"
    write_keys(path, "k1", "k2", "k3")
    request = sealed(server, "k3")
    with refused(Code.INVALID_ARGUMENT):
        ann.submit(request)
    os.kill(server.process, signal.SIGHUP)
    await_said(server, ann, '"reloaded"')
    assert ann.result(ann.one(request)).status == Outcome.SUCCESS
    path.write_text("[keys.k1]\nkey = 'short'\n")
    os.kill(server.process, signal.SIGHUP)
    await_said(server, ann, '"reload_failed"')
    assert ann.result(ann.one(request)).status == Outcome.SUCCESS
    write_keys(path, "k1", "k2")


def await_said(server: Server, client: Client, words: str) -> None:
    """Ask until the log says so; each question takes a turn of the server."""
    while words not in server.said():
        with refused(Code.NOT_FOUND):
            client.status("nobody's")


def test_nobody_comes_in_without_a_token(server: Server) -> None:
    for client in (Client(server.grpc), Client(server.grpc, "eve")):
        with refused(Code.UNAUTHENTICATED):
            client.submit(job())


def test_anothers_job_is_not_there(server: Server, ann: Client, bob: Client) -> None:
    holding = ann.one(sealed(server, "k1", plaintext(hold_us=300_000)))
    queued = ann.one(sealed(server, "k1"))
    for ask in (bob.status, bob.result):
        with refused(Code.NOT_FOUND):
            ask(queued)
    for id in (queued, "nobody's"):  # noqa: A001 - the name of the thing
        with refused(Code.INVALID_ARGUMENT, "endpoint_id: must not be empty"):
            bob.stub.GetControllerJobStatus(
                pb.GetControllerJobStatusRequest(job_id=id, endpoint_id=""), timeout=60, metadata=bob.metadata
            )
    bob.cancel(queued)
    assert [ann.result(each).status for each in (holding, queued)] == [Outcome.SUCCESS] * 2


def test_a_key_is_its_principals(server: Server, ann: Client, bob: Client) -> None:
    request = sealed(server, "k1")
    request.idempotency_key.CopyFrom(pb.Uuid(high=(key := uuid.uuid4()).int >> 64, low=key.int & (2**64 - 1)))
    first = ann.submit(request)
    assert bob.submit(request) != first
    assert ann.submit(request) == first


def test_managed_settings_need_the_flag_and_the_role(server: Server, ann: Client, bob: Client) -> None:
    body = plaintext(settings={"laser": 1, "lamp": 2})
    request = sealed(server, "k1", body)
    for client in (ann, bob):
        with refused(Code.PERMISSION_DENIED, "laser"):
            client.submit(request)
    request.options.bypass_settings_protection = True
    with refused(Code.PERMISSION_DENIED, "laser"):
        bob.submit(request)
    ann.submit(request)
    harmless = sealed(server, "k1", plaintext(settings={"lamp": 2}))
    bob.submit(harmless)
    batch = pb.BatchExecuteControllerJobsRequest(requests=[harmless, request])
    with refused(Code.PERMISSION_DENIED, "requests[1]: "):
        bob.batch(batch)
    batch.requests[1].options.bypass_settings_protection = False
    batch.requests[0].options.bypass_settings_protection = True
    with refused(Code.PERMISSION_DENIED, "requests[1]: "):
        ann.batch(batch)


def test_a_bad_file_of_keys_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "keys.toml").write_text("[keys.k1]\nkey = 3\n")
    server = Server(tmp_path, f'[rigetti]\nkeys_file = "{tmp_path}/keys.toml"\n')
    code, stdout, said = server.fail()
    assert (code, stdout) == (2, b"")
    assert "keys_file" in said
    assert "Traceback" not in said
