"""`history`, `show` and `diff` against a real server, whose hosts are simulated."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from protocol.cli.connection import Failed
from protocol.cli.exits import Exit
from protocol.cli.main import app
from protocol.cli.rewind import lines_of, read_moment
from tests.protocol.server.program import polyplane, running

SIMULATED = {"POLYPLANE_HOSTS": '[{"name": "s", "cpu": 10, "memory_mb": 1000, "engine": "simulated"}]'}
JOB = """
name: web
instance_count: 2
default_spec:
  containers: [{name: main, entrypoint: [sleep, '1']}]
"""


class Client:
    """A terminal."""

    def __init__(self, server: str) -> None:
        self._server = server

    def text(self, *arguments: str) -> str:
        done = CliRunner().invoke(app, [*arguments, "--server", self._server])
        if isinstance(done.exception, Failed):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    def json(self, *arguments: str) -> dict[str, object]:
        document: dict[str, object] = json.loads(self.text(*arguments, "-o", "json"))
        return document


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    directory: Path = tmp_path_factory.mktemp("server")
    (directory / "job.yaml").write_text(JOB)
    command = polyplane("serve", "--data", ":memory:", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")
    with running(command, directory, SIMULATED) as program:
        program.read_ready()
        client = Client(program.grpc)
        client.text("submit", str(directory / "job.yaml"), "--wait")
        client.text("stop", "web", "--wait")
        yield client


def test_history_names_who_caused_what(client: Client) -> None:
    lines = client.text("history", "web").splitlines()
    assert lines[0].split() == ["REVISION", "VERSION", "TIME", "EVENT", "BY", "CAUSE", "WHAT"]
    assert "job.created:1" in lines[-1]
    assert "local/peloton" in lines[-1]
    events = json.loads(client.text("history", "web", "-o", "json"))
    assert len(events) == len(lines) - 1
    assert events[-1]["body"]["spec"]["name"] == "web"
    assert events == json.loads(client.text("history", str(events[0]["entity"]), "-o", "json"))
    assert len(json.loads(client.text("history", "web", "--limit", "2", "-o", "json"))) == 2
    pod = json.loads(client.text("history", "pod/web-1", "-o", "json"))
    assert {event["entity"] for event in pod} == {f"pod/{str(events[0]['entity']).removeprefix('job/')}-1"}


def test_show_tells_the_state_of_a_moment(client: Client) -> None:
    events = json.loads(client.text("history", "web", "-o", "json"))
    now = client.json("show", "web")
    assert isinstance(now["state"], dict)
    assert now["state"]["phase"] == "killed"
    first = client.json("show", "web", "--at", str(events[-1]["revision"]))
    assert (first["version"], first["at"]) == (1, events[-1]["revision"])
    by_time = client.json("show", "web", "--at", str(events[0]["time"]))
    assert by_time["state"] == now["state"]
    said = client.text("show", "web").splitlines()
    assert 'phase: "killed"' in said
    assert said[0].startswith(f"{now['entity']} at revision {now['at']}: version {now['version']}, since")


def test_diff_tells_what_changed(client: Client) -> None:
    events = json.loads(client.text("history", "web", "-o", "json"))
    start = str(events[-1]["revision"])
    assert '  phase: "pending" → "killed"' in client.text("diff", "web", "--from", start).splitlines()
    found = client.json("diff", "web", "--from", start)["differences"]
    assert isinstance(found, list)
    assert {"path": "phase", "before": "pending", "after": "killed"} in found
    assert client.json("diff", "web", "--from", start, "--to", start)["differences"] == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", "nothing"), Exit.NOT_FOUND),
        (("show", "host/none"), Exit.NOT_FOUND),
        (("show", "host/s", "--at", "yesterday"), Exit.USAGE),
        (("show", "host/s", "--at", "9" * 30), Exit.USAGE),
        (("show", "host/s", "--at", "9" * 5_000), Exit.USAGE),
        (("show", "host/s", "--at", "99999999"), Exit.FAILED),
        (("history", "Host/s"), Exit.USAGE),
        (("diff", "host/s", "--from", "0"), Exit.NOT_FOUND),
    ],
)
def test_mistakes_end_with_their_code(client: Client, arguments: tuple[str, ...], code: Exit) -> None:
    with pytest.raises(Failed) as caught:
        client.text(*arguments)
    assert caught.value.code is code, caught.value


def test_moments_and_trees_are_read_and_spelled() -> None:
    assert read_moment("") == (None, None)
    assert read_moment("12") == (12, None)
    time = read_moment("2027-01-31T12:00:00.5+01:00").time
    assert time is not None
    assert time.ToJsonString() == "2027-01-31T11:00:00.500Z"
    assert list(lines_of({"a": 1, "b": {"c": [1, {"d": None}]}, "e": []})) == [
        "a: 1",
        "b:",
        "  c:",
        "    - 1",
        "    -",
        "      d: null",
        "e: []",
    ]
