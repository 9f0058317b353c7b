"""Laws of the past: any revision is the fold of what was there, any time finds its revision."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.job.commands import CreateJob, DeleteJob, StartJob, StopJob
from actors.kernel.decider import Entity
from actors.pod.commands import RestartPod, StartPod, StopPod
from events.journal import Append, Committer, Entry, Journal
from events.receipt import CommandReceived, ReceiptRecorded
from events.record import Envelope, Recorded, entity_of
from projections.reading import InlineReaders, JournalReader
from protocol.past import Past
from protocol.vocabulary import ENTITIES, journal_codec
from tests.histories.stepped import Stepped
from tests.histories.stories import spec

CODEC = journal_codec()

BY_NAME: dict[str, Entity[object]] = {entity.name: entity for entity in ENTITIES}
wishes = st.lists(
    st.tuples(st.sampled_from(["create", "stop", "start", "delete", "pod", "restart"]), st.integers(0, 3))
)


def folded(records: Sequence[Recorded], stream: str, revision: int) -> tuple[object, int] | None:
    """Fold a stream up to a revision, the plain way; answer state and version."""
    state: object = None
    version = 0
    for recorded in records:
        if recorded.stream == stream and recorded.revision <= revision:
            version = recorded.version
            if not isinstance(recorded.event, CommandReceived):
                state = BY_NAME[entity_of(stream)].evolve(state, stream, recorded.event)
    return (state, version) if version else None


@given(wishes=wishes, page=st.sampled_from([1, 3, 1000]))
@settings(max_examples=25, deadline=None)
def test_every_revision_is_the_fold_of_what_was_there(wishes: list[tuple[str, int]], page: int) -> None:
    plane = Stepped()
    for wish, number in wishes:
        job = f"job-{number % 2}"
        version = plane.ask(f"job/{job}", StopJob(expected_version="?")) if wish != "create" else ""
        match wish:
            case "create":
                plane.ask(f"job/{job}", CreateJob(job=job, spec=spec("law", 2)), wait_s=number)
            case "stop" | "start" | "delete":
                kinds = {"stop": StopJob, "start": StartJob}
                for counter in range(1, 4):
                    text = f"1-{counter}-1"
                    command = (
                        DeleteJob(expected_version=text, force=True)
                        if wish == "delete"
                        else kinds[wish](expected_version=text)
                    )
                    version = plane.ask(f"job/{job}", command, wait_s=number)
            case "pod":
                plane.ask(f"pod/{job}-0", StopPod() if number % 3 else StartPod(), wait_s=number)
            case _:
                plane.ask(f"pod/{job}-1", RestartPod(), wait_s=number)
        assert isinstance(version, str)
    records = plane.records()
    past = Past(InlineReaders[JournalReader](plane.reader), ENTITIES, page=page)

    async def compare() -> None:
        for stream in dict.fromkeys(recorded.stream for recorded in records):
            if entity_of(stream) in past.kinds:
                for revision in range(len(records) + 1):
                    standing = await past.at(stream, revision)
                    told = None if standing is None else (standing.state, standing.version)
                    assert told == folded(records, stream, revision)

    asyncio.run(compare())


@given(
    steps=st.lists(st.integers(-3, 5), max_size=25),
    page=st.sampled_from([8, 1000]),
    asked=st.lists(st.integers(-5, 60), min_size=1, max_size=10),
)
@settings(max_examples=50, deadline=None)
def test_a_time_is_the_last_revision_not_later(steps: list[int], page: int, asked: list[int]) -> None:
    """Also where the clock was set back, as long as a page reaches across."""
    journal = Journal.in_memory(CODEC)
    committer = Committer(journal)
    times: list[int] = []
    now = 20
    for number, step in enumerate(steps):
        # It goes back again and again, but never so far that a page would not see it.
        now = max(now + step, max(times, default=0) - 3, 0)
        receipt = ReceiptRecorded(fingerprint="f", topic="", result=b"")
        entries = [Entry(f"receipt/{number}", 1, receipt)]
        committer.submit(Append(entries, Envelope(at=now), committer.epoch))
        committer.commit()
        times.append(now)
    far = [
        later - place
        for place, time in enumerate(times)
        for later, other in enumerate(times)
        if later > place and other < time
    ]
    if max(far, default=0) >= page:
        return
    past = Past(InlineReaders[JournalReader](journal.reader()), ENTITIES, page=page)

    async def compare() -> None:
        for time in asked:
            wanted = max((revision for revision, at in enumerate(times, 1) if at <= time), default=0)
            assert await past.revision_at(time, len(times)) == wanted

    asyncio.run(compare())


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_in_pages_are_the_stream_backwards(size: int) -> None:
    plane = Stepped()
    plane.ask("job/a", CreateJob(job="a", spec=spec("pages", 2)), wait_s=5)
    past = Past(InlineReaders[JournalReader](plane.reader), ENTITIES)

    async def collect() -> list[Recorded]:
        found: list[Recorded] = []
        before: int | None = None
        while page := await past.events("job/a", before=before, limit=size):
            assert len(page) <= size
            found += page
            before = page[-1].version
        return found

    assert asyncio.run(collect()) == plane.reader.stream("job/a", limit=1000)[::-1]
