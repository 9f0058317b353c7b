"""The engine behind a channel: orders in, results out, with the process it runs in."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from actors.effects.channel import Fault, TaskFailed, WorkerLost
from actors.effects.quantum import missing_extra
from actors.effects.quantum.memory import Integers, Octets, Reals
from actors.effects.quantum.order import Order
from actors.effects.quantum.result import Result
from actors.effects.quantum.worker import work
from tests.actors.effects.channel.conftest import Line
from tests.actors.effects.quantum.circuits import ran

BELL = "DECLARE ro BIT[2]\nH 0\nCNOT 0 1\nMEASURE 0 ro[0]\nMEASURE 1 ro[1]"
INT64 = st.integers(-(2**63), 2**63 - 1)
VALUES = st.one_of(
    st.binary(max_size=8).map(Octets),
    st.lists(INT64, max_size=4).map(tuple).map(Integers),
    st.lists(st.floats(allow_nan=False), max_size=4).map(tuple).map(Reals),
)
NAMED = st.lists(st.tuples(st.text(max_size=8), VALUES), max_size=3).map(tuple)
ORDERS = st.builds(
    Order,
    quil=st.text(max_size=20),
    shots=st.integers(1, 65_535),
    patches=NAMED,
    seed=st.lists(st.integers(0, 2**64 - 1), max_size=6).map(tuple),
    hold_us=st.integers(0, 2**53),
    max_qubits=st.integers(1, 30),
)
RESULTS = st.builds(
    Result, st.lists(st.tuples(st.text(max_size=8), st.binary(max_size=8)), max_size=3).map(tuple), NAMED
)


@given(ORDERS, RESULTS)
def test_orders_and_results_are_read_as_written(order: Order, result: Result) -> None:
    assert Order.from_bytes(order.to_bytes()) == order
    assert Result.from_bytes(result.to_bytes()) == result


@given(st.binary(max_size=16))
def test_anything_else_is_not_read(written: bytes) -> None:
    for kind in (Order, Result):
        with pytest.raises(ValueError):  # noqa: PT011 whatever it says
            kind.from_bytes(written)


def test_the_extra_is_here() -> None:
    assert missing_extra() == ""


def test_a_slot_is_held_as_long_as_asked_for() -> None:
    begin = time.monotonic()
    released: list[float] = []
    order = Order(quil="H 0", shots=1, seed=(1,), hold_us=50_000)
    work(order.to_bytes(), lambda: released.append(time.monotonic() - begin))
    assert released[0] >= 0.05


@pytest_asyncio.fixture
async def worker() -> AsyncIterator[tuple[Line, asyncio.subprocess.Process]]:
    line = Line(max_frame=1 << 20)
    await line.channel.open()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "actors.effects.quantum.worker"),
        env={**os.environ, **dict(line.channel.environment)},
    )
    await line.until_ready()
    yield line, process
    await line.channel.close()
    if process.returncode is None:
        process.kill()
    await process.wait()


Worker = tuple[Line, asyncio.subprocess.Process]


@pytest.mark.asyncio
async def test_an_order_gives_what_it_gives_here(worker: Worker) -> None:
    line, _ = worker
    order = Order(quil=BELL, shots=200, seed=(1, 2, 3), patches=(("ro", Octets(b"\1\1")),))
    answer = await line.run(order.to_bytes())
    assert Result.from_bytes(answer) == ran(BELL, shots=200, seed=(1, 2, 3))
    assert len(line.released) == 1


@pytest.mark.asyncio
async def test_faults_of_the_user_and_ours_are_told_apart(worker: Worker) -> None:
    line, _ = worker
    faults = []
    for body, words in (
        (Order(quil="FOO 0", shots=1, seed=(1,)).to_bytes(), "there is no gate FOO"),
        (Order(quil=BELL, shots=1, seed=(1,), max_qubits=1).to_bytes(), "uses 2 qubits; at most 1"),
        (Order(quil="H 0", shots=1, seed=(1,), patches=(("a", Reals((1.0,))),)).to_bytes(), "no region"),
        (Order(quil="DECLARE n INTEGER\nDIV n 0", shots=1, seed=(1,)).to_bytes(), "division by zero"),
        (b"nonsense", "the worker failed"),
    ):
        with pytest.raises(TaskFailed, match=words) as failed:
            await line.run(body)
        faults.append(failed.value.fault)
    assert faults == [Fault.USER] * 4 + [Fault.SERVICE]
    assert await line.run(Order(quil="H 0", shots=1, seed=(1,)).to_bytes())


@pytest.mark.asyncio
async def test_a_loop_without_end_ends_with_its_worker(worker: Worker) -> None:
    line, process = worker
    endless = Order(quil="LABEL @a\nJUMP @a", shots=1, seed=(1,))
    running = asyncio.create_task(line.run(endless.to_bytes()))
    await asyncio.sleep(0)
    process.kill()
    with pytest.raises(WorkerLost):
        await running
    await line.until_lost()


@pytest.mark.asyncio
async def test_a_worker_that_nobody_waits_for_says_so() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "actors.effects.quantum.worker", stderr=asyncio.subprocess.PIPE
    )
    _, words = await process.communicate()
    assert process.returncode == 2
    assert b"not started as a worker" in words
