"""However a command ends, it is with an exit code and a line, never with a traceback."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from typer import Typer

from protocol.cli.ending import end
from protocol.cli.exits import Exit
from protocol.cli.main import app
from tests import warm
from tests.conformance.peloton.server import PROGRAM
from tests.functions import function
from tests.protocol.server.program import Program, polyplane, running

HOST = '[[hosts]]\nname = "s"\ncpu = 10\nmemory_mb = 1000\n'
JOB = "name: one\ninstance_count: 1\ndefault_spec: {containers: [{name: main, entrypoint: [sleep, '1']}]}\n"
NO_TEXT = "\udcff"
"""How Python spells a byte of the command line that is not UTF-8."""
POD = "pod/00000000-0000-4000-8000-000000000000-0"
ARGUMENTS = {
    "submit": ["{directory}/job.yaml", "--key", "k"],
    "logs": [POD],
    "stop": [POD],
    "history": ["host/s"],
    "quantum submit": ["{directory}/bad.quil", "--target", "nobody"],
    "fn call": ["echo"],
}
"""What a command needs to begin."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    directory = tmp_path_factory.mktemp("server")
    config = directory / "polyplane.toml"
    config.write_text(f'{HOST}[fn.functions.echo]\ncommand = ["{sys.executable}", "{function.__file__}"]\n')
    (directory / "job.yaml").write_text(JOB)
    (directory / "bad.quil").write_text("?")
    addresses = ("--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")
    command = polyplane("serve", "--data", ":memory:", "--config", str(config), *addresses)
    with running(command, directory) as program:
        program.read_ready()
        job = str(directory / "job.yaml")
        warm.run("submit", "--wait", job, environment={"POLYPLANE_SERVER": program.grpc}).check_returncode()
        yield program
        program.process.terminate()
        assert program.end() == (0, b"")


def run_into(
    stdout: int, server: Program, directory: Path, *words: str, body: bytes = b""
) -> tuple[int, str]:
    """Run a command with this as its stdout; answer its exit code and what it said."""
    (directory / "stdin").write_bytes(body)
    with (directory / "stdin").open("rb") as stdin, (directory / "stderr").open("wb") as stderr:
        program = warm.Program(
            *words,
            stdin=stdin.fileno(),
            stdout=stdout,
            stderr=stderr.fileno(),
            environment={"POLYPLANE_SERVER": server.grpc},
        )
    with program.stdout:
        code = program.wait(30)
    return code, (directory / "stderr").read_text()


PRINTING = [
    "--help",
    "jobs",
    "jobs -o json",
    "pods",
    "config",
    "config -o json",
    "watch --from 1",
    "history host/s",
    "show host/s",
    "fn call echo",
    "simulate --steps 5",
]


@pytest.mark.parametrize("command", PRINTING)
def test_a_full_disk_is_told_in_one_line(server: Program, tmp_path: Path, command: str) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = run_into(full.fileno(), server, tmp_path, *command.split(), body=bytes(200_000))
    assert ended == (Exit.FAILED, "polyplane: stdout: No space left on device\n")


@pytest.mark.parametrize("command", PRINTING)
def test_a_reader_who_leaves_early_ends_it_quietly(server: Program, tmp_path: Path, command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = run_into(writing, server, tmp_path, *command.split(), body=bytes(200_000))
    os.close(writing)
    assert ended == (Exit.OK, "")


def test_a_server_that_cannot_say_that_it_is_ready_ends(server: Program, tmp_path: Path) -> None:
    words = ("serve", "--data", ":memory:", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")
    with Path("/dev/full").open("wb") as full:
        code, said = run_into(full.fileno(), server, tmp_path, *words)
    assert code == Exit.FAILED
    assert said.endswith("\npolyplane: stdout: No space left on device\n")
    assert "Traceback" not in said


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-"])
def test_without_a_stdout_nothing_is_done(tmp_path: Path, closed: str) -> None:
    words = ["sh", "-c", f'exec "$0" jobs --server "unix:$1/none" {closed}', PROGRAM, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, check=False)
    said = b"" if "2" in closed else b"polyplane: stdout: is closed\n"
    assert (done.returncode, done.stdout, done.stderr) == (Exit.USAGE, b"", said)


@pytest.mark.parametrize(
    "words",
    [
        ("jobs", "--name", NO_TEXT),
        ("jobs", "--owner", NO_TEXT),
        ("jobs", "--state", NO_TEXT),
        ("jobs", "--server", NO_TEXT),
        ("pods", f"job/{NO_TEXT}"),
        ("show", NO_TEXT),
        ("show", f"job/{NO_TEXT}"),
        ("show", f"host/{NO_TEXT}"),
        ("history", f"pod/{NO_TEXT}-0"),
        ("logs", NO_TEXT),
        ("watch", "--job", NO_TEXT),
        ("submit", NO_TEXT),
        ("fn", "deploy", NO_TEXT, "--command", "a"),
        ("fn", "deploy", "a", "--command", NO_TEXT),
        ("config", "--config", NO_TEXT),
        ("serve", "--listen", NO_TEXT),
        ("stop", "--all", "--data", NO_TEXT),
        ("replay", "--data", NO_TEXT),
        (NO_TEXT,),
        ("jobs", f"--{NO_TEXT}"),
    ],
    ids=ascii,
)
def test_words_that_are_no_text_are_wrong_words(server: Program, words: tuple[str, ...]) -> None:
    done = warm.run(*words, environment={"POLYPLANE_SERVER": server.grpc})
    assert (done.returncode, done.stdout) == (Exit.USAGE, b"")
    assert (done.stderr[:11], done.stderr.count(b"\n")) == (b"polyplane: ", 1)


def numeric_flags(group: Typer, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every flag that takes a number, with its command."""
    for command in group.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__
        for parameter, hint in get_type_hints(command.callback, include_extras=True).items():
            kind, *more = get_args(hint) or (None,)
            if {int, float} & {kind, *get_args(kind)}:
                named = [it for it in more[0].param_decls if it.startswith("--")]
                yield f"{prefix}{name}", (named or [f"--{parameter}"])[0]
    for child in group.registered_groups:
        assert child.typer_instance is not None
        yield from numeric_flags(child.typer_instance, f"{child.name} ")


NUMERIC = sorted(it for it in numeric_flags(app) if it[0] != "simulate")


def test_there_are_numeric_flags() -> None:
    assert {("logs", "--run"), ("quantum submit", "--limit"), ("fn call", "--memory")} <= set(NUMERIC)


@pytest.mark.parametrize(("command", "flag"), NUMERIC)
def test_no_number_is_too_odd_for_a_flag(server: Program, command: str, flag: str) -> None:
    """Whatever is made of it, nothing goes beyond the one line that says so."""
    directory = str(server.errors.parent)
    given = [each.format(directory=directory) for each in ARGUMENTS.get(command, [])]
    for number in ("nan", "-1", "1e999", "9" * 30, "9" * 5000):
        words = (*command.split(), *given, f"{flag}={number}")
        done = warm.run(*words, environment={"POLYPLANE_SERVER": server.grpc})
        assert done.returncode in set(Exit), words
        assert done.stderr.count(b"\n") <= 1, done.stderr.decode()


def test_a_mistake_of_ours_is_not_hidden() -> None:
    """A text that can be spelled, and was not, is no fault of the user's."""
    with pytest.raises(UnicodeEncodeError):
        end(lambda: "é".encode("ascii"))
    with pytest.raises(OSError, match="ours"):
        end(lambda: (_ for _ in ()).throw(OSError("ours")))


SIGNALLED = """
import os, signal, sys
import protocol.cli.main as program
program.environment.prepare = lambda: [os.kill(os.getpid(), each) for each in (signal.SIGHUP, signal.SIGTERM)]
sys.argv[0] = "polyplane"
program.main()
"""


@pytest.mark.parametrize(("command", "code"), [("serve", 0), ("jobs", -1)])
def test_a_server_takes_signals_from_its_beginning(command: str, code: int) -> None:
    """The first one, SIGHUP, ends everything else."""
    assert subprocess.run([sys.executable, "-c", SIGNALLED, command], check=False).returncode == code
