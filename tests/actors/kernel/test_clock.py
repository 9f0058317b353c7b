"""Clocks call when they should, in the order they were asked."""

import asyncio

import pytest

from actors.kernel.clock import LoopClock, VirtualClock


def test_a_virtual_clock_calls_in_order_each_at_its_time() -> None:
    clock = VirtualClock(now=100)
    calls: list[tuple[str, int]] = []

    def later() -> None:
        calls.append(("a", clock.now()))
        clock.call_at(clock.now() + 5, lambda: calls.append(("nested", clock.now())))

    clock.call_at(110, later)
    clock.call_at(110, lambda: calls.append(("b", clock.now())))
    clock.call_at(50, lambda: calls.append(("past", clock.now())))
    clock.call_at(112, lambda: calls.append(("never", clock.now()))).cancel()
    assert calls == []
    clock.advance(20)
    assert calls == [("past", 100), ("a", 110), ("b", 110), ("nested", 115)]
    assert clock.now() == 120
    assert clock.next_at() is None


@pytest.mark.asyncio
async def test_a_loop_clock_calls_on_the_loop() -> None:
    clock = LoopClock(asyncio.get_running_loop())
    called: asyncio.Queue[int] = asyncio.Queue()
    soon = clock.now() + 2_000
    clock.call_at(soon + 1_000, lambda: called.put_nowait(-1)).cancel()
    clock.call_at(soon, lambda: called.put_nowait(clock.now()))
    clock.call_at(0, lambda: called.put_nowait(0))
    assert called.empty()
    assert await called.get() == 0
    assert await called.get() >= soon
    assert called.empty()
