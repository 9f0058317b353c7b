"""A disk without room: what was asked is done, what happened is told as soon as there is room again."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.effects.engines.engine import RunEnded, RunKey
from actors.effects.engines.process.layout import HostFiles
from actors.effects.engines.process.record import Record
from tests.actors.effects.engines.conftest import MakeProcessEngine
from tests.actors.effects.engines.ear import KEY, PATIENCE_S, Ear, gone, order, shell
from tests.conformance.peloton.disks import filled, small_disk

pytestmark = pytest.mark.asyncio
OTHER = RunKey(pod="other", run=1)
GATED = "mkfifo gate; echo >>ready; read line <gate; exit 7"


@pytest.fixture
def data(tmp_path: Path, compiled: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", mb=2) as disk:
        (disk / "data" / "agents").mkdir(parents=True)
        shutil.copy(compiled, disk / "data" / "agents")
        yield disk / "data"


def agent_of(data: Path) -> int:
    pid: int = json.loads(HostFiles(data, "host-1").note.read_bytes())["pid"]
    return pid


async def test_what_ignores_sigterm_is_killed_on_a_full_disk(
    make_engine: MakeProcessEngine, ear: Ear, data: Path
) -> None:
    """Also while something else cannot be written: the agent lives on, and with it the grace."""
    engine = make_engine()
    await engine.start()
    engine.launch(order(shell("exit 3"), key=OTHER))
    engine.launch(order(shell("trap '' TERM; while :; do sleep 1; done")))
    await ear.ended(OTHER)
    process = (await ear.started()).process
    agent = agent_of(data)
    with filled(data.parent):
        engine.forget(OTHER)
        engine.stop(RunKey(pod="never", run=1), grace_s=1)
        engine.stop(KEY, grace_s=1)
        await gone(process)
    assert await ear.ended() == RunEnded(key=KEY)
    assert await ear.ended(RunKey(pod="never", run=1)) == RunEnded(key=RunKey(pod="never", run=1))
    assert agent_of(data) == agent
    forgotten = Record(data / "pods" / "other" / "1" / "record")
    async with asyncio.timeout(PATIENCE_S):
        while not forgotten.has("forgotten"):  # noqa: ASYNC110 - as below
            await asyncio.sleep(0)


async def test_how_a_container_ended_on_a_full_disk_is_told_later(
    make_engine: MakeProcessEngine, ear: Ear, data: Path
) -> None:
    engine = make_engine()
    await engine.start()
    engine.launch(order(shell(GATED)))
    process = (await ear.started()).process
    gate = data / "pods" / KEY.pod / "1" / "sandbox" / "gate"
    async with asyncio.timeout(PATIENCE_S):
        while not gate.with_name("ready").exists():  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0)
    with filled(data.parent):
        gate.write_text("go\n")
        await gone(process)
    assert (await ear.exited()).exit_code == 7
    assert await ear.ended() == RunEnded(key=KEY)
