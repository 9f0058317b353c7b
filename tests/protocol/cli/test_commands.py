"""The terminal client against a real server, whose hosts are simulated."""

import json
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from tests import warm
from tests.protocol.server.program import Program, polyplane, running

SIMULATED = {"POLYPLANE_HOSTS": '[{"name": "s", "cpu": 10, "memory_mb": 1000, "engine": "simulated"}]'}
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    directory = tmp_path_factory.mktemp("server")
    command = polyplane("serve", "--data", ":memory:", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")
    with running(command, directory, SIMULATED) as program:
        program.read_ready()
        yield program
        program.process.terminate()
        assert program.end() == (0, b"")


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(server: Program) -> Run:
    def run_command(*arguments: str) -> tuple[int, str, str]:
        done = warm.run(*arguments, environment={"POLYPLANE_SERVER": server.grpc})
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    return run_command


def write(directory: Path, name: str, *, count: int = 2, failing: bool = False) -> str:
    file = directory / "job.yaml"
    # A label that the simulated host cannot read is a start that failed.
    labels = "simulate.start_s: never" if failing else "a: b"
    create = "create_spec: {max_instance_retries: 1, max_tolerable_instance_failures: 1}" if failing else ""
    file.write_text(f"""
name: {name}
instance_count: {count}
default_spec:
  labels:
    {labels}
  containers: [{{name: main, entrypoint: [sleep, '1']}}]
{create}
""")
    return str(file)


def test_a_job_from_its_beginning_to_its_end(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("submit", "--wait", "-o", "json", write(tmp_path, "whole"))
    submitted = json.loads(out)
    assert (code, submitted["state"], submitted["version"]) == (0, "JOB_STATE_RUNNING", "1-1-1")
    job = submitted["job"]
    assert job.startswith("job/")

    code, out, _ = run("jobs", "--name", "whole")
    assert code == 0
    assert out.splitlines()[1].split() == [job, "whole", "RUNNING", "2", "RUNNING:2"]
    _, out, _ = run("pods", "whole", "-o", "json")
    assert [it["status"]["state"] for it in json.loads(out)] == ["POD_STATE_RUNNING"] * 2
    assert run("pods", job)[1] == run("pods", job.removeprefix("job/"))[1]

    assert run("delete", job)[0] == 1
    assert run("stop", "pod/whole-1", "-o", "json")[1].endswith('-1"\n}\n')
    code, out, _ = run("stop", "pod/whole-0", "--wait", "-o", "json")
    assert (code, json.loads(out)) == (0, {"pod": f"pod/{job[4:]}-0", "state": "POD_STATE_KILLED"})
    code, out, _ = run("stop", "--wait", "-o", "json", "whole")
    assert (code, json.loads(out)["state"]) == (0, "JOB_STATE_KILLED")
    assert run("delete", job) == (0, f"{job}\n", "")


def test_the_same_key_makes_one_job(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path, "keyed")
    first, second = run("submit", "--key", "k", file), run("submit", "--key", "k", file)
    assert first == second
    assert run("submit", "--key", "k", write(tmp_path, "other"))[0] == 5
    assert run("delete", "--force", "keyed")[0] == 0


def test_a_job_whose_pods_do_not_come_up_has_failed(run: Run, tmp_path: Path) -> None:
    code, out, err = run("submit", "--wait", write(tmp_path, "failing", count=1, failing=True))
    assert (code, out.startswith("job/")) == (1, True)
    assert err == f"polyplane: {out.strip()}: the pods did not come up: FAILED\n"


def test_what_is_not_there_is_not_found(run: Run) -> None:
    for command in (
        ["stop", f"job/{NOBODY}"],
        ["stop", f"pod/{NOBODY}-0"],
        ["delete", "nobody"],
        ["pods", NOBODY],
        ["logs", f"pod/{NOBODY}-0"],
    ):
        code, out, err = run(*command)
        assert (code, out) == (3, ""), command
        assert len(err.splitlines()) == 1


def test_mistakes_of_the_user_are_told_in_one_line(run: Run, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("name: a\nbogus: 1\n")
    for command, said in (
        (["submit", str(bad)], f"polyplane: {bad}:2: bogus is no field here"),
        (["submit"], "polyplane: submit: missing argument"),
        (["stop", "host/a"], "polyplane: host/a: must be a job"),
        (["jobs", "--state", "odd"], "polyplane: --state: must be one of "),
        (["jobs", "--output", "xml"], "polyplane: jobs: invalid value for '--output'"),
        (["bogus"], "polyplane: no such command"),
    ):
        code, out, err = run(*command)
        assert (code, out) == (2, ""), command
        assert err.startswith(said)
        assert len(err.splitlines()) == 1


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path, run: Run) -> None:
    file = write(tmp_path, "a")
    code, _, err = run("submit", "--timeout", "0.5", "--server", "127.0.0.1:1", file)
    assert code == 4
    assert err.startswith("polyplane: ")
    assert len(err.splitlines()) == 1


def test_time_that_is_up_is_told(run: Run, tmp_path: Path) -> None:
    file = Path(write(tmp_path, "slow"))
    file.write_text(file.read_text() + "create_spec: {start_paused: true}\n")
    code, _, err = run("submit", "--wait", "--timeout", "1", str(file))
    assert (code, "not there yet" in err) == (4, True)
    assert run("delete", "--force", "slow")[0] == 0


def test_what_was_made_is_told_though_the_time_is_up(run: Run, tmp_path: Path) -> None:
    file = Path(write(tmp_path, "made"))
    file.write_text(file.read_text() + "create_spec: {start_paused: true}\n")
    code, out, _ = run("submit", "--wait", "--timeout", "1", "-o", "json", str(file))
    made = json.loads(out)
    assert (code, made["workflow_state"]) == (4, "WORKFLOW_STATE_PAUSED")
    assert run("delete", "--force", "-o", "json", made["job"])[0] == 0


def test_what_it_is_not_the_moment_for_is_no_conflict(run: Run, tmp_path: Path) -> None:
    """Nobody was first: a job that was not stopped cannot be deleted, a run that has not begun has no log."""
    file = Path(write(tmp_path, "early"))
    file.write_text(file.read_text().replace("name: main,", "name: main, resource: {cpu_limit: 1000},"))
    job = run("submit", str(file))[1].strip()
    for command in (["delete", job], ["logs", f"pod/{job[4:]}-0"]):
        code, out, err = run(*command)
        assert (code, out, len(err.splitlines())) == (1, "", 1), command
    assert run("stop", "--wait", job)[0] == 0
    # Nor will it have one.
    code, out, err = run("logs", "-f", f"pod/{job[4:]}-0")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert run("delete", job)[0] == 0


@pytest.mark.parametrize("entity", ["twins", "job/twins", "pod/twins-0"])
def test_a_name_that_several_have_is_told_by_all(run: Run, tmp_path: Path, entity: str) -> None:
    made = [run("submit", write(tmp_path, "twins"))[1].strip() for _ in range(2)]
    for command in (["history"], ["show"], ["diff", "--from", "1"]):
        code, out, err = run(*command, entity)
        assert (code, out) == (2, ""), command
        assert "2 jobs have this name" in err
    for job in made:
        assert run("delete", "--force", job)[0] == 0


@pytest.mark.parametrize("group", [(), ("fn",), ("quantum",)])
def test_a_group_without_a_command_prints_its_help_as_it_is(run: Run, group: tuple[str, ...]) -> None:
    assert run(*group) == (2, "", run(*group, "--help")[1])


def test_it_tells_which_one_it_is(run: Run) -> None:
    assert run("--version") == (0, f"polyplane {version('polyplane')}\n", "")


def test_a_watch_goes_on_across_a_restart(tmp_path: Path) -> None:
    """What happens while nobody serves and after is seen once, in order."""
    data = tmp_path / "data"
    command = polyplane("serve", "--data", str(data), "--http", "127.0.0.1:0", "--listen")
    with running([*command, "127.0.0.1:0"], tmp_path, SIMULATED) as first:
        first.read_ready()
        environment = SIMULATED | {"POLYPLANE_SERVER": first.grpc}
        del environment["POLYPLANE_HOSTS"]
        (tmp_path / "watch").mkdir()
        watching = polyplane("watch", "--from", "1", "-o", "json")
        with running(watching, tmp_path / "watch", environment) as watch:
            assert watch.process.stdout is not None
            submit(tmp_path, "one", environment)
            seen = until(watch.process.stdout, "one")
            first.process.terminate()
            assert first.end() == (0, b"")
            (tmp_path / "again").mkdir()
            with running([*command, first.grpc], tmp_path / "again", SIMULATED) as second:
                second.read_ready()
                submit(tmp_path, "two", environment)
                seen += until(watch.process.stdout, "two")
                second.process.terminate()
                assert second.end() == (0, b"")
            waiting, goes_on, *_ = watch.said().splitlines()
            assert waiting == f"polyplane: waiting for the server at {first.grpc}"
            assert goes_on.startswith("polyplane: the watch goes on from revision ")
        assert seen == sorted(set(seen))


def submit(directory: Path, name: str, environment: dict[str, str]) -> None:
    warm.run("submit", "--wait", write(directory, name), environment=environment).check_returncode()


def until(lines: Iterator[bytes], name: str) -> list[int]:
    """Revisions of the changes up to the one that says that a job runs."""
    revisions: list[int] = []
    for line in lines:
        message = json.loads(line)
        if not message["stateless_jobs"]:
            continue
        revisions.append(message["revision"])
        summary = message["stateless_jobs"][-1]
        if summary["name"] == name and summary["status"]["state"] == "JOB_STATE_RUNNING":
            return revisions
    raise AssertionError(f"the watch ended after {revisions}")


def test_config_prints_what_it_would_read(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('[limits]\nwatchers = 3\n[[hosts]]\nname = "a"\ncpu = 1\nmemory_mb = 2\n')
    environment = {"POLYPLANE_LIMITS__MAILBOX": "5"}
    first = warm.run("config", "--config", str(file), environment=environment).stdout.decode()
    assert "watchers = 3  # file" in first
    assert "mailbox = 5  # environment" in first
    assert "message_mb = 256  # default" in first
    again = tmp_path / "again.toml"
    again.write_text(first)
    shown = json.loads(warm.run("config", "--config", str(again), "-o", "json").stdout)
    assert shown["settings"]["limits"]["mailbox"] == 5
    assert shown["settings"]["hosts"][0]["memory_mb"] == 2


def test_config_prints_any_name_and_text_so_that_it_can_be_read(tmp_path: Path) -> None:
    file, again = tmp_path / "c.toml", tmp_path / "again.toml"
    functions = "".join(
        f'[fn.functions."{name}"]\ncommand = ["\\u007f\\u0001\\"\\\\", "ä"]\n'
        'directory = "/d"\nenvironment = { A = "1" }\n'
        for name in ("registry.io/shop/greet:1.0", "a[0]", "\U0001f600", "plain")
    )
    hosts = '[[hosts]]\nname = "a"\ncpu = 1\nmemory_mb = 2\nlabels = { "a.b" = "c" }\n'
    file.write_text(functions + hosts)
    first = warm.run("config", "--config", str(file)).stdout.decode()
    again.write_text(first)
    told = [
        json.loads(warm.run("config", "--config", str(it), "-o", "json").stdout)["settings"]
        for it in (file, again)
    ]
    for settings in told:
        settings.pop("config")
    assert told[0] == told[1]
    assert len(told[0]["fn"]["functions"]) == 4
    # A list came as a whole; what of it was left out, nobody knows.
    assert "[[hosts]]  # file" in first
    assert 'name = "a"\n' in first
