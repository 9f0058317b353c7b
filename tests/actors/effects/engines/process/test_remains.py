"""What is left of pods goes, whoever died before that was said or done."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from actors.effects.engines.engine import PodKept, RunEnded, RunKey
from actors.effects.engines.process import frames
from actors.effects.engines.process.engine import ProcessEngine
from actors.effects.engines.process.layout import HostFiles
from tests.actors.effects.engines.conftest import MakeProcessEngine, none_below
from tests.actors.effects.engines.ear import KEY, PATIENCE_S, Ear, order, shell

pytestmark = pytest.mark.asyncio
OTHER = RunKey(pod="other", run=1)


@pytest.fixture
def wrapper() -> str:
    return "c"


@pytest_asyncio.fixture
async def elsewhere(data: Path) -> AsyncIterator[ProcessEngine]:
    """Another host of the same data directory."""
    engine = ProcessEngine("host-2", data, Ear(), linger_s=30)
    await engine.start()
    yield engine
    await engine.close(end_pods=True)
    await none_below(data / "agents" / "host-2.bell")


def agent_of(data: Path) -> int:
    pid: int = json.loads(HostFiles(data, "host-1").note.read_bytes())["pid"]
    return pid


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0)


async def removed(path: Path) -> None:
    await until(lambda: not path.exists())


async def test_a_server_is_asked_of_pods_that_are_at_rest(
    make_engine: MakeProcessEngine, ear: Ear, data: Path
) -> None:
    """The one before may have died before it had said that they are gone."""
    first = make_engine()
    await first.start()
    first.launch(order(shell("exit 3"), key=OTHER))
    first.launch(order())
    await ear.ended(OTHER)
    await ear.started()
    first.forget(OTHER)
    await first.close(end_pods=False)
    second = make_engine()
    await second.start()
    await ear.until(lambda: any(isinstance(report, PodKept) for report in ear.reports))
    second.forget_pod(OTHER.pod)
    await removed(data / "pods" / OTHER.pod)
    kept = [report for report in ear.reports if isinstance(report, PodKept)]
    assert kept == [PodKept(key=OTHER, host="host-1")]
    await second.close(end_pods=True)


async def test_what_an_agent_was_about_to_remove_is_removed_by_the_next(
    make_engine: MakeProcessEngine, ear: Ear, data: Path
) -> None:
    first = make_engine()
    await first.start()
    first.launch(order(shell("exit 3")))
    await ear.ended()
    first.forget(KEY)
    await until((data / "pods" / KEY.pod / "1" / "record" / "forgotten").exists)
    await first.close(end_pods=True)
    await none_below(data)
    (data / "pods" / KEY.pod / "forgotten").touch()
    second = make_engine()
    await second.start()
    await removed(data / "pods" / KEY.pod)
    await second.close(end_pods=True)


async def test_a_run_is_forgotten_whose_pod_another_host_has_removed(
    make_engine: MakeProcessEngine, ear: Ear, data: Path, elsewhere: ProcessEngine
) -> None:
    engine = make_engine()
    await engine.start()
    engine.launch(order(shell("exit 3")))
    await ear.ended()
    agent = agent_of(data)
    elsewhere.forget_pod(KEY.pod)
    await removed(data / "pods" / KEY.pod)
    engine.forget(KEY)
    engine.launch(order(shell("exit 4"), key=OTHER))
    assert (await ear.exited(key=OTHER)).exit_code == 4
    assert agent_of(data) == agent


async def test_a_run_whose_directory_is_removed_is_lost(
    make_engine: MakeProcessEngine, ear: Ear, data: Path
) -> None:
    engine = make_engine()
    await engine.start()
    engine.launch(order(shell("mkfifo gate; exec 3<>gate; rm gate; exec <&3; read line")))
    process = (await ear.started()).process
    gate = await held_open(process)
    agent = agent_of(data)
    shutil.rmtree(data / "pods" / KEY.pod)
    gate.write_text("go\n")
    assert await ear.ended() == RunEnded(key=KEY, is_lost=True, message="its directory was removed")
    assert agent_of(data) == agent


async def held_open(process: int) -> Path:
    """The standard input of a process once it is a pipe that has no name."""
    place = Path(f"/proc/{process}/fd/0")
    await until(lambda: str(place.readlink()).endswith("gate (deleted)"))
    return place


async def test_a_run_that_is_too_long_to_be_told_of_ends_at_once(
    make_engine: MakeProcessEngine, ear: Ear, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else its host is told goes on being told, on this connection and the next ones."""
    monkeypatch.setattr(frames, "MAX_FRAME", 10_000)
    engine = make_engine()
    await engine.start()
    engine.launch(order(shell(f"exit 3 # {'x' * 10_000}")))
    assert ear.reports == []
    ended = await ear.ended()
    assert not ended.is_lost
    assert "is longer than 10000" in ended.message
    await engine.close(end_pods=False)
    await engine.start()
    engine.launch(order(shell("exit 4"), key=OTHER))
    assert (await ear.exited(key=OTHER)).exit_code == 4
    assert ear.ends() == [ended]
    assert not (data / "pods" / KEY.pod).exists()


async def test_a_floor_that_a_loss_of_power_has_emptied_stops_nobody(
    make_engine: MakeProcessEngine, ear: Ear, data: Path
) -> None:
    engine = make_engine()
    await engine.start()
    (data / "pods" / KEY.pod / "4" / "record").mkdir(parents=True)
    (data / "pods" / KEY.pod / "floor").touch()
    agent = agent_of(data)
    for run, is_new in ((3, False), (4, True)):
        key = RunKey(pod=KEY.pod, run=run)
        engine.launch(order(shell("exit 3"), key=key))
        assert (await ear.ended(key)).is_lost is not is_new
        assert len(ear.exits(key=key)) == is_new
    assert agent_of(data) == agent
