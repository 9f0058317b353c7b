"""What a container finds when it begins, and what is told of how it ended; with either wrapper."""

import asyncio
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from actors.effects.engines.engine import RunEnded, RunKey
from actors.effects.engines.process.engine import ProcessEngine
from events.pod import ContainerSpec, PodSpec, Port, PortSpec
from tests.actors.effects.engines.conftest import MakeProcessEngine
from tests.actors.effects.engines.ear import KEY, Ear, gone, order, order_of, shell

pytestmark = pytest.mark.asyncio


def run_of(data: Path, number: int = 1) -> Path:
    return data / "pods" / KEY.pod / str(number)


def output(data: Path, stream: str = "stdout", name: str = "main") -> str:
    return (run_of(data) / "logs" / name / stream).read_text()


def python(script: str) -> ContainerSpec:
    return ContainerSpec(name="main", command=(sys.executable, "-I", "-S", "-c", script))


async def test_exit_code(process_engine: ProcessEngine, ear: Ear) -> None:
    process_engine.launch(order(shell("exit 42")))
    await ear.ended()
    exited = ear.exits()[0]
    assert (exited.exit_code, exited.signal, exited.message) == (42, "", "")
    assert ear.starts()[0].at <= exited.at


async def test_signal(process_engine: ProcessEngine, ear: Ear) -> None:
    process_engine.launch(order(shell("kill -KILL $$")))
    await ear.ended()
    assert (ear.exits()[0].exit_code, ear.exits()[0].signal) == (0, "SIGKILL")


async def test_a_shell_takes_exit_codes_above_128_for_signals(
    process_engine: ProcessEngine, ear: Ear, wrapper: str
) -> None:
    process_engine.launch(order(shell("exit 137")))
    await ear.ended()
    told = (ear.exits()[0].exit_code, ear.exits()[0].signal)
    assert told == ((137, "") if wrapper == "c" else (0, "SIGKILL"))


@pytest.mark.parametrize(
    ("command", "exit_code", "message"),
    [
        (("no-such-program",), 127, "'no-such-program' was not found"),
        (("/etc/passwd",), 126, "'/etc/passwd' cannot be executed"),
        (("./missing", "argument"), 127, "'./missing' was not found"),
        ((), 126, "container 'main' has no command"),
        (("a\0b",), 126, "the command of container 'main' has a zero byte"),
    ],
)
async def test_a_program_that_cannot_start(
    process_engine: ProcessEngine, ear: Ear, command: tuple[str, ...], exit_code: int, message: str
) -> None:
    process_engine.launch(order(ContainerSpec(name="main", command=command)))
    assert not (await ear.ended()).is_lost
    assert (ear.exits()[0].exit_code, ear.exits()[0].message) == (exit_code, message)


async def test_output_goes_to_files(process_engine: ProcessEngine, ear: Ear, data: Path) -> None:
    process_engine.launch(order(shell("echo out; echo err >&2")))
    await ear.ended()
    assert (output(data), output(data, "stderr")) == ("out\n", "err\n")


async def test_any_container_name_has_its_logs(process_engine: ProcessEngine, ear: Ear, data: Path) -> None:
    process_engine.launch(order(shell("echo out", name="../../x y")))
    assert (await ear.exited("../../x y")).exit_code == 0
    await ear.ended()
    assert [path.name for path in (run_of(data) / "logs").iterdir()] == ["%%2E%2E%2F%2E%2E%2Fx%20y"]


async def test_the_environment_is_what_was_ordered(
    process_engine: ProcessEngine, ear: Ear, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_SERVER", "leaks")
    odd = {"key": "k", "i": 'it\'s\n"odd" $HOME `x`', "a.b": "dot", "IFS": ":", "UID": "7", "EMPTY": ""}
    spec = PodSpec(
        containers=(
            ContainerSpec(
                name="main",
                command=(
                    sys.executable,
                    "-I",
                    "-S",
                    "-c",
                    "import os, json; print(json.dumps(dict(os.environ)))",
                ),
                environment=(*odd.items(), ("C", "container")),
            ),
        ),
        environment=(("A", "pod"), ("C", "pod")),
    )
    process_engine.launch(order_of(spec))
    await ear.ended()
    found = json.loads(output(data))
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
    found.pop("LC_CTYPE", None)  # python's own, for itself
    assert found == {**kept, "A": "pod", "C": "container", **odd}
    assert not list((run_of(data) / "record").glob("*.order"))


async def test_ports_stand_in_the_environment(process_engine: ProcessEngine, ear: Ear, data: Path) -> None:
    main = ContainerSpec(
        name="main",
        command=("sh", "-c", "echo $HTTP $ADMIN"),
        ports=(PortSpec(name="http", variable="HTTP"), PortSpec(name="admin", number=81, variable="ADMIN")),
    )
    ports = (
        Port(container="other", name="http", number=1),
        Port(container="main", name="http", number=31000),
        Port(container="main", name="admin", number=81),
    )
    process_engine.launch(order_of(PodSpec(containers=(main,)), ports=ports))
    await ear.ended()
    assert output(data) == "31000 81\n"


async def test_it_works_in_its_sandbox_under_a_usual_mask(
    process_engine: ProcessEngine, ear: Ear, data: Path
) -> None:
    process_engine.launch(order(shell("pwd -P; umask; readlink /proc/self/fd/0; ls /proc/self/fd | wc -l")))
    await ear.ended()
    assert output(data).split() == [str((run_of(data) / "sandbox").resolve()), "0022", "/dev/null", "4"]


async def test_arguments_arrive_as_they_are(process_engine: ProcessEngine, ear: Ear, data: Path) -> None:
    words = ["it's", "$HOME", "a  b", "", "*", "-n", "\\", "ü\n"]
    script = "import sys, json; print(json.dumps(sys.argv[1:]))"
    command = (sys.executable, "-X", "utf8", "-c", script, *words)
    process_engine.launch(order(ContainerSpec(name="main", command=command)))
    await ear.ended()
    assert json.loads(output(data)) == words


async def test_open_files_and_data_are_limited(process_engine: ProcessEngine, ear: Ear, data: Path) -> None:
    told = "ulimit -S -n; ulimit -H -n; ulimit -d"
    limited = ContainerSpec(name="main", command=("sh", "-c", told), open_files=64, data_mb=96)
    process_engine.launch(order(limited, shell(told, name="usual")))
    await ear.ended()
    assert output(data).split() == ["64", "64", str(96 * 1024)]
    *files, most = output(data, name="usual").split()
    assert [int(n) for n in files] == list(resource.getrlimit(resource.RLIMIT_NOFILE))
    assert most == "unlimited"


async def test_nothing_that_was_open_at_the_start_is_left_to_a_pod(
    make_engine: MakeProcessEngine, ear: Ear, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop may hand on what it should not, and who started the server, too."""
    begin = asyncio.create_subprocess_exec
    secret = os.open(__file__, os.O_RDONLY)
    monkeypatch.setattr(asyncio, "create_subprocess_exec", partial(begin, pass_fds=(secret,)))
    engine = make_engine()
    await engine.start()
    os.close(secret)
    engine.launch(order(shell("for fd in /proc/self/fd/*; do readlink $fd; done")))
    await ear.ended()
    assert "/dev/null" in output(data)
    assert __file__ not in output(data)
    await engine.close(end_pods=True)


@pytest.fixture
def ignored_quit() -> Iterator[None]:
    """Ignore a signal as a shell does for what it starts with `&`."""
    before = signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGQUIT, before)


@pytest.mark.usefixtures("ignored_quit")
async def test_signals_have_their_defaults(process_engine: ProcessEngine, ear: Ear, data: Path) -> None:
    show = ("grep", "Sig[IB]", "/proc/self/status")
    process_engine.launch(
        order(ContainerSpec(name="main", command=show), ContainerSpec(name="b", command=show))
    )
    await ear.ended()
    masks = (output(data) + output(data, name="b")).splitlines()
    # 32 and 33 are the C library's own, and are set by it as it likes.
    assert [int(line.split()[1], 16) & 0x7FFFFFFF for line in masks] == [0, 0, 0, 0]


async def test_a_failing_init_container_ends_the_run(process_engine: ProcessEngine, ear: Ear) -> None:
    spec = PodSpec(
        init_containers=(shell("true", name="one"), shell("exit 3", name="two"), shell("true", name="three")),
        containers=(shell("true"),),
    )
    process_engine.launch(order_of(spec))
    assert await ear.ended() == RunEnded(key=KEY)
    assert ear.exits("two")[0].exit_code == 3
    assert (ear.starts("three"), ear.starts()) == ([], [])


async def test_one_container_that_fails_does_not_end_the_others(
    process_engine: ProcessEngine, ear: Ear
) -> None:
    process_engine.launch(order(shell("exit 1", name="a"), shell("exec sleep 1000", name="b")))
    assert (await ear.exited("a")).exit_code == 1
    await ear.started("b")
    assert not ear.ends()
    assert not ear.exits("b")
    process_engine.stop(KEY, grace_s=10)
    await ear.ended()
    assert ear.exits("b")[0].signal == "SIGTERM"


async def test_what_ignores_sigterm_is_killed_after_the_grace(
    process_engine: ProcessEngine, ear: Ear
) -> None:
    # The gate opens when SIGTERM is ignored.
    deaf = PodSpec(
        init_containers=(shell("mkfifo ready", name="first"),),
        containers=(shell("trap '' TERM; echo >ready; sleep 1000"), shell("read line <ready", name="gate")),
    )
    process_engine.launch(order_of(deaf))
    await ear.exited("gate")
    process_engine.stop(KEY, grace_s=1)
    await ear.ended()
    assert ear.exits()[0].signal == "SIGKILL"


async def test_the_whole_group_ends_with_its_leader(
    process_engine: ProcessEngine, ear: Ear, data: Path
) -> None:
    process_engine.launch(order(shell("sleep 1000 & (trap '' TERM; sleep 1000) & echo $! >child; exit 5")))
    await ear.ended()
    assert ear.exits()[0].exit_code == 5
    await gone(int((run_of(data) / "sandbox" / "child").read_text()))


async def test_what_leaves_the_group_ends_with_the_run(
    process_engine: ProcessEngine, ear: Ear, data: Path, wrapper: str
) -> None:
    if wrapper == "sh":
        pytest.skip("a shell is no parent to what its children leave behind")
    script = "setsid sh -c 'sleep 1000 & echo $! >child; wait' & while [ ! -s child ]; do :; done"
    process_engine.launch(order(shell(script)))
    await ear.ended()
    await gone(int((run_of(data) / "sandbox" / "child").read_text()))


async def test_a_stop_during_init_starts_no_further_container(
    process_engine: ProcessEngine, ear: Ear
) -> None:
    spec = PodSpec(init_containers=(shell("exec sleep 1000", name="first"),), containers=(shell("true"),))
    process_engine.launch(order_of(spec))
    await ear.started("first")
    process_engine.stop(KEY, grace_s=10)
    assert await ear.ended() == RunEnded(key=KEY)
    assert ear.starts() == []


async def test_the_newest_sandboxes_are_kept(process_engine: ProcessEngine, ear: Ear, data: Path) -> None:
    for number in range(1, 9):
        key = RunKey(pod=KEY.pod, run=number)
        process_engine.launch(order(shell("true"), key=key))
        await ear.ended(key)
        process_engine.forget(key)
    key = RunKey(pod=KEY.pod, run=2)
    ear.reports.clear()
    process_engine.launch(order(shell("true"), key=key))
    assert (await ear.ended(key)).is_lost
    kept = sorted(path.name for path in run_of(data).parent.iterdir() if path.is_dir())
    assert kept == ["4", "5", "6", "7", "8"]


async def test_a_forgotten_pod_leaves_nothing(process_engine: ProcessEngine, ear: Ear, data: Path) -> None:
    process_engine.launch(order(shell("true")))
    await ear.ended()
    process_engine.forget(KEY)
    process_engine.forget_pod(KEY.pod)
    other = RunKey(pod="other", run=1)
    process_engine.stop(other, grace_s=0)  # answered after what was asked before
    await ear.ended(other)
    assert not run_of(data).parent.exists()
