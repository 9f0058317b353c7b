"""Engines under test: each is closed with its pods, and leaves no process behind."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio

from actors.effects.engines.engine import Engine
from actors.effects.engines.process import wrappers
from actors.effects.engines.process.engine import ProcessEngine
from actors.effects.engines.simulated import SimulatedEngine
from actors.kernel.clock import LoopClock
from tests.actors.effects.engines.ear import PATIENCE_S, Ear, gone, processes_below


class MakeProcessEngine(Protocol):
    """Makes an engine that is not started."""

    def __call__(self, *, log_bytes: int = 0) -> ProcessEngine: ...


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled wrapper, so that not every test compiles one."""
    return wrappers.install(tmp_path_factory.mktemp("wrapper"), "c")


@pytest.fixture
def data(tmp_path: Path, compiled: Path) -> Path:
    agents = tmp_path / "data" / "agents"
    agents.mkdir(parents=True)
    shutil.copy(compiled, agents)
    return tmp_path / "data"


@pytest.fixture(params=["c", "sh"])
def wrapper(request: pytest.FixtureRequest) -> str:
    form: str = request.param
    return form


@pytest_asyncio.fixture
async def ear() -> Ear:
    return Ear()


@pytest_asyncio.fixture
async def make_engine(data: Path, ear: Ear, wrapper: str) -> AsyncIterator[MakeProcessEngine]:
    """Makes engines of one host; whatever they started is ended after the test."""
    made = []

    def make(*, log_bytes: int = 0) -> ProcessEngine:
        made.append(ProcessEngine("host-1", data, ear, linger_s=30, wrapper=wrapper, log_bytes=log_bytes))
        return made[-1]

    yield make
    for engine in made:
        await engine._link.close()
    if processes_below(data):
        last = make()
        await last.start()
        await last.close(end_pods=True)
    await none_below(data)


@pytest_asyncio.fixture
async def process_engine(make_engine: MakeProcessEngine) -> AsyncIterator[ProcessEngine]:
    engine = make_engine()
    await engine.start()
    yield engine
    await engine.close(end_pods=True)


@pytest_asyncio.fixture(params=["simulated", "c", "sh"])
async def engine(request: pytest.FixtureRequest, data: Path, ear: Ear) -> AsyncIterator[Engine]:
    """Any engine."""
    made: Engine
    if request.param == "simulated":
        made = SimulatedEngine("host-1", ear, LoopClock(asyncio.get_running_loop()))
    else:
        made = ProcessEngine("host-1", data, ear, linger_s=30, wrapper=request.param)
    await made.start()
    yield made
    await made.close(end_pods=True)
    await none_below(data)


async def none_below(data: Path) -> None:
    """Everything is gone, or about to be."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while left := processes_below(data):
                await gone(next(iter(left)))
    except TimeoutError:
        raise AssertionError(f"left behind: {processes_below(data)}") from None
