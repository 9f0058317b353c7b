"""The writer's thread: answers on the loop, epochs, linger, draining. Nothing here sleeps."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from events.journal import (
    Committer,
    Failure,
    Fault,
    Journal,
    MemoryRecorder,
    Outcome,
    Snapshot,
    SteppedWriter,
    Writer,
)
from events.journal.writer import ENOUGH
from tests.events.stores import CODEC, append


class Told:
    """What was told on the loop, and a way to wait for it."""

    def __init__(self) -> None:
        self.batches: list[list[Outcome]] = []
        self.threads: set[int] = set()
        self._changed = asyncio.Event()

    def __call__(self, outcomes: Sequence[Outcome]) -> None:
        self.batches.append(list(outcomes))
        self.threads.add(threading.get_ident())
        self._changed.set()

    @property
    def outcomes(self) -> list[Outcome]:
        return [outcome for batch in self.batches for outcome in batch]

    async def count(self, expected: int) -> None:
        while len(self.outcomes) < expected:
            self._changed.clear()
            await self._changed.wait()


@pytest.mark.asyncio
async def test_outcomes_come_to_the_loop_in_order() -> None:
    journal, told = Journal.in_memory(CODEC), Told()
    writer = Writer(Committer(journal), asyncio.get_running_loop(), told, linger_s=0)
    writer.start()
    appends = [append(f"pod/{n}", [1, 2]) for n in range(300)]
    for one in appends:
        writer.submit(one)
    await told.count(300)
    assert [outcome.append for outcome in told.outcomes] == appends
    assert told.threads == {threading.get_ident()}
    writer.submit(append("pod/1", [3]))
    await told.count(301)
    writer.close()
    assert journal.reader().stream_version("pod/1") == 3


@pytest.mark.asyncio
async def test_closing_commits_what_waits() -> None:
    journal, told = Journal.in_memory(CODEC), Told()
    writer = Writer(Committer(journal, batch_events=3), asyncio.get_running_loop(), told)
    writer.start()
    for n in range(50):
        writer.submit(append(f"pod/{n}", [1]))
    writer.close()
    assert journal.reader().head() == 50
    await told.count(50)
    with pytest.raises(RuntimeError, match="closed"):
        writer.submit(append("pod/1", [2]))


@pytest.mark.asyncio
async def test_closing_a_writer_that_never_started() -> None:
    journal = Journal.in_memory(CODEC)
    Writer(Committer(journal), asyncio.get_running_loop(), Told()).close()


@pytest.mark.asyncio
async def test_the_epoch_changes_on_the_loop_with_the_outcomes_that_tell_why() -> None:
    recorder, seen = MemoryRecorder(), []
    recorder.plan(Fault.BEFORE_INSERT)
    done = asyncio.Event()

    def on_outcomes(outcomes: Sequence[Outcome]) -> None:
        seen.append((outcomes[0].failure, writer.epoch))
        done.set()

    committer = Committer(Journal.in_memory(CODEC, recorder=recorder))
    writer = Writer(committer, asyncio.get_running_loop(), on_outcomes)
    writer.start()
    writer.submit(append("pod/1", [1]))
    writer.close()  # the thread has ended: the committer is ahead, the loop is not
    assert (committer.epoch, writer.epoch) == (2, 1)
    await done.wait()
    assert seen == [(Failure.NOT_STORED, 2)]


@pytest.mark.asyncio
async def test_the_writer_lingers_after_a_batch_the_longer_the_more_it_held() -> None:
    journal, told = Journal.in_memory(CODEC), Told()
    waits: list[float] = []
    writer = Writer(
        Committer(journal, batch_events=5),
        asyncio.get_running_loop(),
        told,
        linger_s=4.0,
        linger_each_s=1.0,
        wait=waits.append,
    )
    for n in range(8):  # before the start: a batch of five, and one of three
        writer.submit(append(f"pod/{n}", [1]))
    writer.start()
    await told.count(8)
    assert waits == [4.0]
    writer.submit(append("pod/8", [1]))
    await told.count(9)
    assert waits == [4.0, 3.0]
    writer.submit(append("pod/9", [1]))  # the one before came alone
    await told.count(10)
    assert waits == [4.0, 3.0]
    writer.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(("events", "expected"), [(ENOUGH - 1, [2.0]), (ENOUGH, [])])
async def test_the_writer_does_not_linger_when_much_waits(events: int, expected: list[float]) -> None:
    told, waits = Told(), list[float]()
    committer = Committer(Journal.in_memory(CODEC), batch_events=2)
    loop = asyncio.get_running_loop()
    writer = Writer(committer, loop, told, linger_s=4.0, linger_each_s=1.0, wait=waits.append)
    for n in range(2):  # before the start: a batch of two, and then a long one
        writer.submit(append(f"pod/{n}", [1]))
    writer.submit(append("pod/2", [*range(1, events + 1)]))
    writer.start()
    await told.count(3)
    assert waits == expected
    writer.close()


@pytest.mark.asyncio
async def test_a_fenced_writer_answers_fenced() -> None:
    recorder, told = MemoryRecorder(), Told()
    recorder.plan(Fault.UNKNOWN_FOR_GOOD)
    writer = Writer(Committer(Journal.in_memory(CODEC, recorder=recorder)), asyncio.get_running_loop(), told)
    writer.start()
    writer.submit(append("pod/1", [1]))
    await told.count(1)
    assert writer.is_fenced
    writer.submit(append("pod/2", [1]))
    await told.count(2)
    assert [outcome.failure for outcome in told.outcomes] == [Failure.FENCED] * 2
    writer.close()


@pytest.mark.asyncio
async def test_snapshots_are_stored_before_the_end() -> None:
    journal = Journal.in_memory(CODEC)
    writer = Writer(Committer(journal), asyncio.get_running_loop(), Told())
    writer.start()
    writer.submit_snapshot(Snapshot("pod/1", 1, "s:1", b""))
    writer.close()
    assert journal.reader().snapshot("pod/1") is not None


def test_a_loop_that_is_gone_ends_the_thread() -> None:
    loop = asyncio.new_event_loop()
    writer = Writer(Committer(Journal.in_memory(CODEC)), loop, lambda _: None)
    loop.close()
    writer.submit(append("pod/1", [1]))
    writer.start()
    writer.close()


def test_a_stepped_writer_commits_and_tells_in_two_steps() -> None:
    recorder = MemoryRecorder()
    told: list[Failure | None] = []
    writer = SteppedWriter(
        Committer(Journal.in_memory(CODEC, recorder=recorder)),
        lambda outcomes: told.append(outcomes[0].failure),
    )
    assert not writer.can_commit
    recorder.plan(Fault.BEFORE_INSERT)
    writer.submit(append("pod/1", [1]))
    writer.commit()
    writer.submit(append("pod/1", [1], epoch=writer.epoch))  # decided before the failure is told: stale
    writer.commit()
    assert (writer.epoch, told, writer.can_commit, writer.can_deliver) == (1, [], False, True)
    writer.deliver()
    assert (writer.epoch, told) == (2, [Failure.NOT_STORED])
    writer.deliver()
    assert (told[1], writer.can_deliver) == (Failure.STALE_EPOCH, False)
