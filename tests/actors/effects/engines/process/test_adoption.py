"""Whoever dies, and whenever: nothing starts twice, nothing is lost that is on record."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from actors.effects.engines.engine import RunEnded, RunKey
from actors.effects.engines.process import client, orders, wrappers
from actors.effects.engines.process.engine import ProcessEngine
from actors.effects.engines.process.layout import MAX_SOCKET_PATH, HostFiles
from actors.effects.engines.process.record import Record
from tests.actors.effects.engines.conftest import MakeProcessEngine
from tests.actors.effects.engines.ear import KEY, PATIENCE_S, Ear, gone, order, processes_below, shell

pytestmark = pytest.mark.asyncio
OTHER = RunKey(pod="other", run=1)
GATED = "mkfifo gate; read line <gate; exit 7"


def agent_of(data: Path) -> int:
    pid: int = json.loads(HostFiles(data, "host-1").note.read_bytes())["pid"]
    return pid


def socket_of(data: Path) -> Path:
    return Path(json.loads(HostFiles(data, "host-1").note.read_bytes())["socket"])


def pss_kb(process: int) -> int:
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


def record_of(data: Path, key: RunKey = KEY) -> Record:
    return Record(data / "pods" / key.pod / str(key.run) / "record")


def wrapper_of(data: Path) -> int:
    owner = record_of(data).process("claim/owner")
    assert owner is not None
    return owner[0]


async def kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    await gone(process)


async def open_gate(data: Path, container: int) -> None:
    """Let a gated container exit with 7, and wait until it did."""
    gate = data / "pods" / KEY.pod / "1" / "sandbox" / "gate"
    async with asyncio.timeout(PATIENCE_S):
        while not gate.exists():
            await asyncio.to_thread(os.sched_yield)
    await asyncio.to_thread(gate.write_text, "\n")
    await gone(container)


async def abandon(engine: ProcessEngine) -> None:
    """Disappear as a server does that is killed."""
    await engine._link.close()


async def test_pods_outlive_their_agent_and_are_adopted(
    process_engine: ProcessEngine, ear: Ear, data: Path
) -> None:
    process_engine.launch(order())
    started = await ear.started()
    first = agent_of(data)
    await kill(first)
    process_engine.launch(order(key=OTHER))
    await ear.started(key=OTHER)
    assert agent_of(data) != first
    assert ear.starts() == [started]
    process_engine.stop(KEY, grace_s=10)
    assert await ear.ended() == RunEnded(key=KEY)
    assert ear.exits()[0].signal == "SIGTERM"
    await gone(started.process)


async def test_an_exit_that_no_agent_saw_is_read_from_the_record(
    process_engine: ProcessEngine, ear: Ear, data: Path
) -> None:
    process_engine.launch(order(shell(GATED)))
    started = await ear.started()
    await kill(agent_of(data))
    await open_gate(data, started.process)
    assert await ear.ended() == RunEnded(key=KEY)
    assert ear.exits()[0].exit_code == 7


async def test_a_server_that_comes_back_learns_what_it_missed(
    make_engine: MakeProcessEngine, ear: Ear, data: Path
) -> None:
    first = make_engine()
    await first.start()
    first.launch(order(shell(GATED)))
    started = await ear.started()
    await first.close(end_pods=False)
    await open_gate(data, started.process)
    ear.reports.clear()
    second = make_engine()
    await second.start()
    second.observe([order()])
    assert await ear.started() == started  # the end may be told before, if it comes just now
    await ear.ended()
    assert ear.exits()[0].exit_code == 7
    await second.close(end_pods=True)


async def test_a_container_goes_on_without_its_wrapper(
    process_engine: ProcessEngine, ear: Ear, data: Path
) -> None:
    process_engine.launch(order(shell(GATED)))
    started = await ear.started()
    await kill(wrapper_of(data))
    assert not ear.ends()
    await open_gate(data, started.process)
    end = await ear.ended()
    assert end.is_lost
    assert not ear.exits()


async def test_a_container_without_wrapper_can_be_stopped(
    process_engine: ProcessEngine, ear: Ear, data: Path
) -> None:
    process_engine.launch(order())
    started = await ear.started()
    await kill(wrapper_of(data))
    await kill(agent_of(data))
    process_engine.stop(KEY, grace_s=10)
    assert (await ear.ended()).is_lost
    await gone(started.process)


async def test_a_grace_outlasts_the_agent(process_engine: ProcessEngine, ear: Ear, data: Path) -> None:
    process_engine.launch(order(shell("trap '' TERM; mkfifo gate; sleep 1000; sleep 1000")))
    started = await ear.started()
    process_engine.stop(KEY, grace_s=1)
    process_engine.observe([order()])
    await ear.until(lambda: ear.reports.count(started) > 1)  # the stop has arrived too
    process_engine._wishes[KEY].grace_s = None  # the server does not ask again
    await kill(agent_of(data))
    end = await ear.ended()
    assert end == RunEnded(key=KEY)


async def test_a_run_of_which_nothing_is_known_is_lost(process_engine: ProcessEngine, ear: Ear) -> None:
    process_engine.observe([order()])
    assert (await ear.ended()).is_lost
    assert len(ear.reports) == 1


async def test_a_launch_while_there_is_no_agent_is_made_up_for(
    process_engine: ProcessEngine, ear: Ear, data: Path
) -> None:
    await kill(agent_of(data))
    process_engine.launch(order())
    process_engine.stop(OTHER, grace_s=0)
    await ear.started()
    await ear.ended(OTHER)


async def test_a_launch_that_was_only_written_down_is_begun(
    make_engine: MakeProcessEngine, ear: Ear, data: Path
) -> None:
    """An agent may die between writing the order and starting the wrapper."""
    first = make_engine()
    await first.start()
    first.launch(order(shell("true")))
    await ear.ended()
    await abandon(first)
    await kill(agent_of(data))
    record = record_of(data)
    shutil.rmtree(record.directory / "claim")
    for path in list(record.directory.iterdir()):
        if path.is_file() and path.name != "order":
            path.unlink()
    orders.write_container(
        record.directory,
        0,
        {
            "name": "main",
            "command": ("sh", "-c", "exit 9"),
            "environment": (),
            "files": 0,
            "data": 0,
            "is_init": False,
        },
        kept=orders.kept_environment(),
        files=(256, 256),
        group="",
        is_shell=str((record.order() or {})["wrapper"]).endswith(".sh"),
    )
    ear.reports.clear()
    second = make_engine()
    await second.start()
    second.launch(order())
    await ear.ended()
    assert [exited.exit_code for exited in ear.exits()] == [9]
    await second.close(end_pods=True)


async def test_session_pods_of_a_killed_server_are_killed_on_recovery(
    make_engine: MakeProcessEngine, ear: Ear
) -> None:
    first = make_engine()
    await first.start()
    first.launch(order(survives=False))
    first.launch(order(key=OTHER))
    session, service = await ear.started(), await ear.started(key=OTHER)
    await abandon(first)
    second = make_engine()
    await second.start()
    await gone(session.process)
    second.observe([order(survives=False), order(key=OTHER)])
    await ear.ended()
    assert ear.exits()[0].signal == "SIGKILL"
    assert not ear.ends(OTHER)
    await second.close(end_pods=True)
    await gone(service.process)


async def test_all_pods_of_a_last_server_that_is_killed_end_with_its_agent(
    data: Path, ear: Ear, wrapper: str
) -> None:
    """Nobody comes to look after them, so nothing may be left once the agent's linger has passed."""
    engine = ProcessEngine("host-1", data, ear, linger_s=0.1, wrapper=wrapper, is_last=True)
    await engine.start()
    agent = agent_of(data)
    engine.launch(order())
    engine.launch(order(key=OTHER, survives=False))
    started, other = await ear.started(), await ear.started(key=OTHER)
    await abandon(engine)
    for process in (started.process, other.process, agent):
        await gone(process)
    assert processes_below(data) == {}


async def test_an_agent_that_dies_while_its_server_closes_is_told_again(
    process_engine: ProcessEngine, ear: Ear, data: Path
) -> None:
    """The pod kills it when asked to end: the next agent hears that all ends, and says when."""
    agent = agent_of(data)
    murder = f"trap 'kill -9 {agent}; exit' TERM; echo; while :; do sleep 0.01; done"
    process_engine.launch(order(shell(murder)))
    process_engine.launch(order(key=OTHER))
    started, other = await ear.started(), await ear.started(key=OTHER)
    await said(data)
    with capture_logs() as logs:
        await process_engine.close(end_pods=True)
    assert [entry for entry in logs if entry["log_level"] == "warning"] == []
    for process in (agent, started.process, other.process):
        await gone(process)


async def said(data: Path) -> None:
    """Wait until the pod has written a line."""
    log = data / "pods" / KEY.pod / "1" / "logs" / "main" / "stdout"
    async with asyncio.timeout(PATIENCE_S):
        while not log.read_text():  # noqa: ASYNC110 - another process's, which has no event
            await asyncio.sleep(0.01)


async def test_an_engine_that_found_no_agent_closes_without_waiting_for_one(
    data: Path, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_START_S", 0.05)
    monkeypatch.setattr(client, "_BEGIN", "pass")
    engine = ProcessEngine("host-1", data, ear)
    with pytest.raises(TimeoutError):
        await engine.start()
    with capture_logs() as logs:
        await engine.close(end_pods=True)
    assert [entry["event"] for entry in logs] == []


async def test_only_one_of_many_wrappers_starts_anything(tmp_path: Path, wrapper: str) -> None:
    program = wrappers.install(tmp_path, wrapper)
    bell = tmp_path / "bell"
    os.mkfifo(bell)
    run = tmp_path / "run"
    (run / "record").mkdir(parents=True)
    (run / "sandbox").mkdir()
    orders.write_container(
        run / "record",
        0,
        {
            "name": "main",
            "command": ("sh", "-c", "echo once >>begun"),
            "environment": (),
            "files": 0,
            "data": 0,
            "is_init": False,
        },
        kept=orders.kept_environment(),
        files=(256, 256),
        group="",
        is_shell=wrapper == "sh",
    )
    words = [*wrappers.command_of(str(program)), str(run), str(bell), "pod/1", "0", "1"]
    processes = await asyncio.gather(*(asyncio.create_subprocess_exec(*words) for _ in range(12)))
    statuses = await asyncio.gather(*(process.wait() for process in processes))
    assert sorted(statuses) == [0] + [3] * 11
    assert (run / "sandbox" / "begun").read_text() == "once\n"


@pytest.mark.usefixtures("process_engine")
async def test_a_second_agent_leaves(data: Path) -> None:
    first = agent_of(data)
    root = str(Path(client.__file__).parents[4])
    words = (sys.executable, "-c", client._BEGIN, root, root, str(data), "host-1", "30", "sh")
    second = await asyncio.create_subprocess_exec(*words)
    assert await second.wait() == 0
    assert agent_of(data) == first


async def test_an_agent_with_neither_runs_nor_server_leaves(data: Path, ear: Ear, wrapper: str) -> None:
    engine = ProcessEngine("host-1", data, ear, linger_s=0.1, wrapper=wrapper)
    await engine.start()
    agent = agent_of(data)
    note = json.loads(HostFiles(data, "host-1").note.read_bytes())
    await engine.close(end_pods=False)
    await gone(agent)
    assert not Path(note["socket"]).parent.exists()
    assert not HostFiles(data, "host-1").note.exists()


async def test_an_agent_whose_socket_was_removed_makes_another(data: Path, ear: Ear) -> None:
    engine = ProcessEngine("host-1", data, ear, linger_s=1, wrapper="sh")
    await engine.start()
    agent = agent_of(data)
    engine.launch(order())
    started = await ear.started()
    await engine.close(end_pods=False)
    socket_of(data).unlink()
    again = ProcessEngine("host-1", data, ear, linger_s=1, wrapper="sh")
    await again.start()
    assert agent_of(data) == agent
    await again.close(end_pods=True)
    await gone(started.process)
    await gone(agent)


async def test_no_path_is_too_long(tmp_path: Path, ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("r" * 100)))
    data = tmp_path.joinpath(*["d" * 100] * 3)
    host = "a host/" + "ä" * 100
    engine = ProcessEngine(host, data, ear, wrapper="sh")
    await engine.start()
    note = json.loads(HostFiles(data, host).note.read_bytes())
    assert len(os.fsencode(note["socket"])) <= MAX_SOCKET_PATH
    assert Path(note["socket"]).parent.stat().st_mode & 0o777 == 0o700
    engine.launch(order(shell("exit 4")))
    await ear.ended()
    assert ear.exits()[0].exit_code == 4
    await engine.close(end_pods=True)
    await gone(note["pid"])


async def test_two_hosts_share_a_data_directory(data: Path) -> None:
    ears = {name: Ear() for name in ("one", "two")}
    engines = {name: ProcessEngine(name, data, ears[name], wrapper="sh") for name in ears}
    for name, engine in engines.items():
        await engine.start()
        engine.launch(order(key=RunKey(pod=name, run=1)))
    for name, ear in ears.items():
        await ear.started(key=RunKey(pod=name, run=1))
        assert {report.key.pod for report in ear.reports} == {name}
    for engine in engines.values():
        await engine.close(end_pods=True)


async def test_nonsense_on_the_socket_ends_only_that_talk(
    process_engine: ProcessEngine, ear: Ear, data: Path
) -> None:
    note = json.loads(HostFiles(data, "host-1").note.read_bytes())
    reader, writer = await asyncio.open_unix_connection(note["socket"])
    writer.write(b"\xff" * 64)
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    process_engine.launch(order(shell("true")))
    await ear.ended()
    assert agent_of(data) == note["pid"]


async def test_a_pod_costs_little_memory(process_engine: ProcessEngine, ear: Ear, data: Path) -> None:
    process_engine.launch(order())
    await ear.started()
    assert pss_kb(wrapper_of(data)) < 2048
