"""Keyed commands: decided once, answered alike for ever."""

import asyncio
from collections.abc import Sequence

import pytest

from actors.kernel.decider import Code, Rejection
from actors.kernel.entity import NOTHING_STORED
from actors.kernel.idempotency import receipt_stream
from actors.kernel.mailbox import LoopFuture
from actors.kernel.request import Accepted, Answer, Keyed, Request
from events.journal import Fault
from tests.actors.kernel.account import Account, Balance, BreakDecide, Look, Move, Open
from tests.actors.kernel.harness import A, B, World

KEY = receipt_stream("p", "k")


@pytest.fixture
def world() -> World:
    world = World()
    world.ask(A, Open(10))
    return world


def ask(world: World, command: object, fingerprint: str = "f", stream: str = KEY) -> asyncio.Task[Answer]:
    request = Request(command=command, keyed=Keyed(stream, fingerprint))
    return asyncio.create_task(world.kernel.ask(A, request))


async def begun(*tasks: asyncio.Task[Answer] | asyncio.Task[Sequence[Answer] | Answer]) -> None:
    """Let tasks run until they wait for the kernel."""
    for _ in range(2 + len(tasks)):
        await asyncio.sleep(0)


async def answers(world: World, *tasks: asyncio.Task[Answer]) -> list[Answer]:
    """Let tasks and kernel take turns until all tasks are done."""
    while not all(task.done() for task in tasks):
        await begun(*tasks)
        world.settle()
    return [await task for task in tasks]


@pytest.mark.asyncio
async def test_duplicates_at_once_are_decided_once(world: World) -> None:
    first, *others = await answers(world, *[ask(world, Move(1)) for _ in range(5)])
    assert first == Accepted(Balance(11), 3)
    assert others == [first] * 4
    assert world.state(A) == Account(11)


@pytest.mark.asyncio
async def test_a_repeat_is_answered_from_the_journal(world: World) -> None:
    (first,) = await answers(world, ask(world, Move(1)))
    for _ in range(2):
        world.crash()
        assert await answers(world, ask(world, Move(1))) == [first]
    assert world.state(A) == Account(11)


@pytest.mark.asyncio
async def test_another_request_with_the_key_is_refused(world: World) -> None:
    same, other = await answers(world, ask(world, Move(1)), ask(world, Move(2), "g"))
    assert isinstance(same, Accepted)
    assert isinstance(other, Rejection)
    assert other.code is Code.ALREADY_EXISTS
    assert world.state(A) == Account(11)


@pytest.mark.asyncio
async def test_a_refusal_binds_nothing(world: World) -> None:
    refused, other = await answers(world, ask(world, Move(-100)), ask(world, Move(2), "g"))
    assert isinstance(refused, Rejection)
    assert other == Accepted(Balance(12), 3)


@pytest.mark.asyncio
async def test_a_bug_binds_nothing(world: World) -> None:
    broken = ask(world, BreakDecide())
    other = ask(world, Move(2), "g")
    with pytest.raises(RuntimeError, match="no account knows"):
        await answers(world, broken)
    assert await answers(world, other) == [Accepted(Balance(12), 3)]


@pytest.mark.asyncio
async def test_what_was_not_stored_binds_nothing(world: World) -> None:
    world.fail_with(Fault.BEFORE_INSERT)
    first, second = await answers(world, ask(world, Move(1)), ask(world, Move(1)))
    assert first == NOTHING_STORED
    assert second == Accepted(Balance(11), 3)
    assert await answers(world, ask(world, Move(1))) == [second]


@pytest.mark.asyncio
async def test_doing_nothing_leaves_a_receipt(world: World) -> None:
    (first,) = await answers(world, ask(world, Look()))
    assert first == Accepted(Balance(10), 2)
    world.ask(A, Move(1))
    assert await answers(world, ask(world, Look())) == [first]


@pytest.mark.asyncio
async def test_a_caller_who_leaves_early_leaves_nothing(world: World) -> None:
    gone = ask(world, Move(1))
    waiting = ask(world, Move(2), "g")
    await begun(gone, waiting)
    gone.cancel()
    await begun(gone)
    assert await answers(world, waiting) == [Accepted(Balance(12), 3)]
    assert gone.cancelled()


@pytest.mark.asyncio
async def test_a_caller_who_leaves_late_has_it_done(world: World) -> None:
    gone = ask(world, Move(1))
    await begun(gone)
    world.think()
    gone.cancel()
    await begun(gone)
    world.settle()
    assert world.state(A) == Account(11)
    assert await answers(world, ask(world, Move(1))) == [Accepted(Balance(11), 3)]


@pytest.mark.asyncio
async def test_a_caller_who_leaves_while_another_holds_the_key_changes_nothing(world: World) -> None:
    holder, gone, last = (ask(world, Move(1)) for _ in range(3))
    await begun(holder, gone, last)
    gone.cancel()
    first, second = await answers(world, holder, last)
    assert first == second == Accepted(Balance(11), 3)


async def ask_together(world: World) -> Sequence[Answer] | Answer:
    """Claim the key, decide for two accounts, and give the key back whatever comes."""
    claimed = await world.kernel.claim(Keyed(KEY, "f"))
    if not isinstance(claimed, Keyed):
        return claimed
    try:
        request = Request(command=None, keyed=claimed)
        return await world.kernel.ask_together([(A, Move(1)), (B, Open(1))], request=request)
    finally:
        world.kernel.give_back(claimed)


@pytest.mark.asyncio
@pytest.mark.parametrize("turns", range(1, 5))
async def test_a_caller_who_leaves_a_joint_decision_frees_no_key_before_it_is_stored(
    world: World, turns: int
) -> None:
    """Who repeats it meanwhile waits, and has the answer of the first: there are no two receipts."""
    gone = asyncio.create_task(ask_together(world))
    for _ in range(turns):
        await asyncio.sleep(0)
    gone.cancel()
    again = asyncio.create_task(ask_together(world))
    for _ in range(5):
        await begun(again)
        world.settle()
    assert not world.fenced
    assert await again == Accepted(Balance(11), 4)
    assert world.state(A) == Account(11)
    assert await ask_together(world) == Accepted(Balance(11), 4)


@pytest.mark.asyncio
async def test_keys_are_independent(world: World) -> None:
    other = receipt_stream("p", "other")
    await answers(world, ask(world, Move(1)), ask(world, Move(1), stream=other))
    assert world.state(A) == Account(12)


def test_a_key_belongs_to_its_principal() -> None:
    scopes = (("p", "k"), ("q", "k"), ("pk", ""), ("", "pk"), ("p", "kk"))
    streams = {receipt_stream(*scope) for scope in scopes}
    assert len(streams) == 5
    assert all(stream.startswith("receipt/") for stream in streams)


@pytest.mark.asyncio
async def test_a_full_mailbox_frees_the_key() -> None:
    world = World(mailbox_bound=1)
    world.ask(A, Open(10))
    world.tell(A, Look())
    full = ask(world, Move(1))
    await begun(full)
    assert (await full) == Rejection(Code.EXHAUSTED, "account/a has 1 requests waiting; try again later")
    world.settle()
    assert await answers(world, ask(world, Move(1))) == [Accepted(Balance(11), 3)]


@pytest.mark.asyncio
async def test_a_future_may_be_awaited_often_and_late(world: World) -> None:
    (reply,) = world.tell(A, Look())
    waiting = [asyncio.create_task(_await(reply)) for _ in range(3)]
    assert await answers(world, *waiting) == [Accepted(Balance(10), 0)] * 3
    assert await reply == Accepted(Balance(10), 0)


async def _await(reply: LoopFuture[Answer]) -> Answer:
    return await reply
