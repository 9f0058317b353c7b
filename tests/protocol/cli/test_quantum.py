"""`polyplane quantum submit` against a real server, and what it makes of its arguments."""

import asyncio
import base64
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from protocol.cli import quantum
from protocol.cli.connection import Connection, Failed
from protocol.cli.exits import Exit
from protocol.cli.output import Output
from protocol.cli.quantum import (
    WIDTH,
    Wish,
    histogram,
    job_of,
    key_of,
    outcomes,
    parameters_of,
    request_of,
    standing,
)
from protocol.pb.rigetti.controller import job_pb2
from tests import warm
from tests.protocol.server.program import Program, polyplane, running

BELL = "DECLARE ro BIT[2]\nH 0\nCNOT 0 1\nMEASURE 0 ro[0]\nMEASURE 1 ro[1]\n"
Run = Callable[..., tuple[int, str, str]]


def wish(file: Path, **changed: object) -> Wish:
    fields: dict[str, object] = {
        "shots": 10,
        "seed": None,
        "target": "",
        "limit_s": None,
        "parameters": (),
        "key_id": "",
        "keys_file": None,
        "key": "",
    }
    return Wish(file=file, **(fields | changed))  # type: ignore[arg-type] # any


@pytest.fixture
def bell(tmp_path: Path) -> Path:
    (tmp_path / "bell.quil").write_text(BELL)
    return tmp_path / "bell.quil"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    pytest.importorskip("quil")
    directory = tmp_path_factory.mktemp("server")
    command = polyplane("serve", "--data", ":memory:", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")
    with running(command, directory, {}) as program:
        program.read_ready()
        yield program
        program.process.terminate()
        assert program.end() == (0, b"")


@pytest.fixture
def run(server: Program) -> Run:
    def run_command(*arguments: str) -> tuple[int, str, str]:
        done = warm.run("quantum", "submit", *arguments, environment={"POLYPLANE_SERVER": server.grpc})
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    return run_command


def test_outcomes_are_drawn(run: Run, bell: Path) -> None:
    code, printed, said = run(str(bell), "--shots", "100", "--watch")
    assert (code, said) == (Exit.OK, "")
    _, *rows = printed.splitlines()
    assert [row.split()[0] for row in rows] == ["00", "11"]
    assert sum(int(row.split()[-2]) for row in rows) == 100


def test_a_key_makes_one_job(run: Run, bell: Path) -> None:
    key = str(uuid.uuid4())
    documents = [json.loads(run(str(bell), "--key", key, "--watch", "-o", "json")[1]) for _ in range(2)]
    assert documents[0] == documents[1]
    assert documents[0]["status"] == "SUCCESS"


def test_a_parameter_is_given(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "rx.quil"
    file.write_text("DECLARE ro BIT[1]\nDECLARE theta REAL[1]\nRX(theta) 0\nMEASURE 0 ro[0]\n")
    given = ("--parameter", "theta=3.141592653589793", "--seed", "1", "--shots", "7")
    assert json.loads(run(str(file), *given, "--watch", "-o", "json")[1])["counts"] == {"1": 7}


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (("--target", "nobody"), Exit.NOT_FOUND, "processor"),
        (("--limit", "0.0000001", "--watch"), Exit.FAILED, "USER_FAILURE"),
        (("--limit", "1e9"), Exit.USAGE, "3600"),
        (("--parameter", "theta"), Exit.USAGE, "--parameter"),
        (("--key", "mine"), Exit.USAGE, "UUID"),
        (("--key", str(uuid.UUID(int=0))), Exit.USAGE, "version 4"),
        (("--key-id", "k"), Exit.USAGE, "--keys-file"),
        (("--keys-file", "keys.toml"), Exit.USAGE, "--key-id"),
        (("--limit", "inf"), Exit.USAGE, "--limit"),
        (("--shots", "0"), Exit.USAGE, "shots"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    run: Run, bell: Path, given: tuple[str, ...], code: Exit, words: str
) -> None:
    told, _, said = run(str(bell), *given)
    assert told == code
    assert words in said
    assert len(said.splitlines()) == 1


def test_a_mistake_in_a_programme_is_told_as_the_user_knows_it(run: Run, tmp_path: Path) -> None:
    """Of what was not encrypted nothing is said that speaks of encryption."""
    (tmp_path / "bad.quil").write_text("FOO 0 bar[\n")
    code, _, said = run(str(tmp_path / "bad.quil"))
    assert (code, said.startswith("polyplane: the programme cannot be parsed: ")) == (Exit.USAGE, True)


def test_to_wait_for_ever_is_no_time_that_is_up(run: Run, bell: Path) -> None:
    assert run(str(bell), "--timeout", "inf", "--watch")[0] == Exit.OK


def test_what_was_queued_is_told_though_the_time_is_up(
    monkeypatch: pytest.MonkeyPatch, server: Program, bell: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def never(*_: object) -> None:
        raise Failed(Exit.UNAVAILABLE, "the time is up")

    monkeypatch.setattr(quantum, "_result", never)

    async def submit() -> None:
        connection = Connection.open(server.grpc)
        try:
            await quantum.submit(connection, wish(bell), Output.JSON, watch=True, timeout_s=10)
        finally:
            await connection.close()

    with pytest.raises(Failed, match="the time is up"):
        asyncio.run(submit())
    assert list(json.loads(capsys.readouterr().out)) == ["job"]


def test_a_job_is_encrypted_where_a_key_is_named(tmp_path: Path, bell: Path) -> None:
    keys = pytest.importorskip("actors.effects.quantum.keys")
    file = tmp_path / "keys.toml"
    file.write_text(f'[keys.k]\nkey = "{base64.b64encode(bytes(32)).decode()}"\n')
    job = job_of(wish(bell, key_id="k", keys_file=file, seed=3))
    opened = keys.KeyFile(file).decrypt("k", job.encryption.nonce, job.job)
    assert json.loads(opened) == {"format": "local-quil/1", "quil": BELL, "shots": 10, "seed": 3}
    with pytest.raises(Failed, match="no key 'other'"):
        job_of(wish(bell, key_id="other", keys_file=file))
    file.write_text("nothing")
    with pytest.raises(Failed, match=r"keys\.toml"):
        job_of(wish(bell, key_id="k", keys_file=file))


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff")
    with pytest.raises(Failed, match="is not text"):
        job_of(wish(tmp_path / "x"))


def test_a_request_has_what_was_asked_for(bell: Path) -> None:
    request = request_of(wish(bell, target="q", limit_s=1.5, parameters=("a=1,2", "b=0")))
    (configuration,) = request.execution_configurations
    assert {name: list(configuration.memory_values[name].real.data) for name in ("a", "b")} == {
        "a": [1.0, 2.0],
        "b": [0.0],
    }
    assert (request.quantum_processor_id, request.options.timeout.ToMilliseconds()) == ("q", 1500)
    key = uuid.UUID(int=request.idempotency_key.high << 64 | request.idempotency_key.low)
    assert key.version == 4


def test_keys_and_parameters_are_read() -> None:
    assert key_of("6f1c9e9e-5f0f-4d7c-9c53-0a3a5d8d5a10").version == 4
    assert parameters_of(()) == {}
    with pytest.raises(Failed, match="REGION"):
        parameters_of(["=1"])


def test_histograms() -> None:
    result = job_pb2.ControllerJobExecutionResult()
    for name, bits in (("ro[10]", [1, 1, 0]), ("ro[2]", [0, 0, 1])):
        result.readout_values[name].integer_values.values.extend(bits)
    counts = outcomes(result)
    assert counts == {"01": 2, "10": 1}
    assert list(histogram(counts)) == [
        f"01  {'█' * WIDTH}       2   66.7%",
        f"10  {'█' * (WIDTH // 2):<{WIDTH}}       1   33.3%",
    ]
    assert list(histogram(type(counts)())) == ["nothing was measured"]
    many = type(counts)({f"{number:06b}": 1 for number in range(40)})
    assert list(histogram(many))[-1] == "and 8 other outcomes, 8 times"


def test_how_a_job_stands() -> None:
    assert standing("QUEUED", "3", 1, 2.25) == "queued, 3 before it, done in 1.0 to 2.2 s"
    assert standing("POST_PROCESSING", "", 0, 0) == "post-processing, done in 0.0 to 0.0 s"
