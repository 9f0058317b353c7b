"""A gateway that remembers what it was asked, over views that real folds make of real events."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

from actors.job.commands import JobAccepted
from actors.kernel.decider import Rejection
from events.capacity import Resources
from events.frozen import replace
from events.host import HostPhase, HostSpec
from events.record import Envelope, Recorded, entity_of, id_of
from projections import jobs, pods
from projections.hosts import HostView
from projections.jobs import JobView
from projections.pods import PodView
from projections.queries import JobQuery, Page, PodQuery
from projections.view import View
from projections.watch.selector import Selector
from projections.watch.subscription import Encoder, EndOfWatch, Message, WatchEnded
from protocol.gateway import Call, Prepare, PrepareAll, Refused
from tests.protocol.no_past import NoPast

R = TypeVar("R")

JOB = "0190aaaa-bbbb-7ccc-8ddd-eeeeffff0001"
OTHER = "0190aaaa-bbbb-7ccc-8ddd-eeeeffff0002"
NOW = 1_700_000_000_000_000
STEP = 1_000_000


class FakeSubscription:
    """A watch whose messages a test puts in."""

    def __init__(self, id: int, revision: int) -> None:  # noqa: A002 - the name of the thing
        self.id = id
        self.revision = revision
        self.is_closed = False
        self.closed = asyncio.Event()
        self.encoders: list[Encoder] = []
        self._queue: asyncio.Queue[Message | WatchEnded] = asyncio.Queue()

    def put(self, revision: int, *views: View) -> None:
        self._queue.put_nowait(Message(revision, views))

    def end(self, reason: EndOfWatch, resume_revision: int = 0) -> None:
        self._queue.put_nowait(WatchEnded(reason, resume_revision))

    async def next(self) -> Message:
        message = await self._queue.get()
        if isinstance(message, WatchEnded):
            raise message
        return message

    async def next_encoded(self, encoder: Encoder) -> bytes:
        self.encoders.append(encoder)
        message = await self.next()
        return encoder(message.revision, message.views)

    def close(self) -> None:
        self.is_closed = True
        self.closed.set()


class FakeGateway(NoPast):
    """The door to nothing."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, object, Call]] = []
        self.answer: object = JobAccepted(job=JOB, version="1-1-1")
        self.refusal: Exception | None = None
        self.records: dict[str, list[Recorded]] = {}
        self.views: dict[str, View] = {}
        self.host_views: list[HostView] = []
        self.subscriptions: list[FakeSubscription] = []
        self.selectors: list[tuple[Selector, int]] = []
        self.job_queries: list[JobQuery] = []
        self.pod_queries: list[PodQuery] = []
        self.page_size = 1000
        self.revision = 0
        self.ids = 0

    # ------------------------------------------------------------ what tests put in

    def record(self, stream: str, *events: object) -> None:
        for event in events:
            self.revision += 1
            records = self.records.setdefault(stream, [])
            envelope = Envelope(at=NOW + self.revision * STEP, principal="local", origin="peloton")
            recorded = Recorded(self.revision, stream, len(records) + 1, event, envelope, is_last=True)
            records.append(recorded)
            view = self._fold(self.views.get(stream), recorded)
            if view is not None:
                self.views[stream] = view

    def add_host(self, name: str, phase: HostPhase = HostPhase.UP) -> None:
        spec = HostSpec(capacity=Resources(cpu=1), ports=(1, 2), labels=(("rack", "a"),), address="10.0.0.1")
        self.host_views.append(HostView(id=name, name=name, spec=spec, phase=phase, goal=phase))

    def refuse(self, rejection: Rejection) -> None:
        self.refusal = Refused(rejection)

    # ------------------------------------------------------------ what façades ask

    async def execute(self, stream: str, command: object, call: Call, expect: type[R]) -> R:
        self.asked.append((stream, command, call))
        if self.refusal is not None:
            raise self.refusal
        assert isinstance(self.answer, expect)
        return self.answer

    async def execute_prepared(self, stream: str, prepare: Prepare, call: Call, expect: type[R]) -> R:
        return await self.execute(stream, await prepare(), call, expect)

    async def execute_together(self, prepare: PrepareAll, call: Call) -> None:
        for stream, command in await prepare():
            await self.execute(stream, command, call, object)

    async def pod(self, id: str) -> PodView | None:  # noqa: A002
        view = self.views.get(f"pod/{id}")
        return view if isinstance(view, PodView) and view.phase.value != "deleted" else None

    async def job(self, id: str) -> JobView | None:  # noqa: A002
        view = self.views.get(f"job/{id}")
        return view if isinstance(view, JobView) and view.phase.value != "deleted" else None

    def pods_of(self, owner: str) -> Sequence[PodView]:
        found = [view for view in self.views.values() if isinstance(view, PodView) and view.owner == owner]
        return sorted(found, key=lambda pod: pod.instance)

    def hosts(self) -> Sequence[HostView]:
        return self.host_views

    async def jobs_named(self, name: str) -> Sequence[str]:
        return [
            view.id for view in self.views.values() if isinstance(view, JobView) and view.spec.name == name
        ]

    async def list_jobs(self, query: JobQuery, call: Call) -> Page[JobView]:
        assert call.principal == "local"
        self.job_queries.append(query)
        return self._page([it for it in self.views.values() if isinstance(it, JobView)], query)

    async def list_pods(self, query: PodQuery, call: Call) -> Page[PodView]:
        assert call.principal == "local"
        self.pod_queries.append(query)
        first, last = query.instances or (0, 2**32)
        rows = [pod for pod in self.pods_of(query.owner) if first <= pod.instance < last]
        return self._page(rows, query)

    async def pod_history(self, id: str) -> AsyncIterator[tuple[Recorded, PodView]]:  # noqa: A002
        async for recorded, view in self._history(f"pod/{id}"):
            assert isinstance(view, PodView)
            yield recorded, view

    async def job_history(self, id: str) -> AsyncIterator[tuple[Recorded, JobView]]:  # noqa: A002
        async for recorded, view in self._history(f"job/{id}"):
            assert isinstance(view, JobView)
            yield recorded, view

    def watch(self, selector: Selector, start: int) -> FakeSubscription:
        if self.refusal is not None:
            raise self.refusal
        self.selectors.append((selector, start))
        subscription = FakeSubscription(len(self.subscriptions) + 77, self.revision)
        self.subscriptions.append(subscription)
        return subscription

    def cancel_watch(self, id: int) -> bool:  # noqa: A002
        for subscription in self.subscriptions:
            if subscription.id == id and not subscription.is_closed:
                subscription.end(EndOfWatch.CANCELLED)
                return True
        return False

    def new_id(self) -> str:
        self.ids += 1
        return f"0190aaaa-bbbb-7ccc-8ddd-{self.ids:012d}"

    # ------------------------------------------------------------

    def _page(self, rows: list[R], query: JobQuery | PodQuery) -> Page[R]:
        first = int(query.after) if query.after else query.offset
        last = first + min(query.limit, self.page_size)
        return Page(rows=tuple(rows[first:last]), total=len(rows), next=str(last) if last < len(rows) else "")

    def _fold(self, view: View | None, recorded: Recorded) -> View | None:
        if entity_of(recorded.stream) == "pod":
            return pods.fold(view if isinstance(view, PodView) else None, recorded)
        return jobs.fold(view if isinstance(view, JobView) else None, recorded)

    async def _history(self, stream: str) -> AsyncIterator[tuple[Recorded, View]]:
        view: View | None = None
        for recorded in self.records.get(stream, []):
            view = self._fold(view, recorded)
            assert view is not None
            yield recorded, view


def at(view: JobView, **changes: object) -> JobView:
    """Return a view with some fields changed."""
    return replace(view, **changes)  # type: ignore[arg-type] # fields of any type


def pod_stream(instance: int, job: str = JOB) -> str:
    return f"pod/{job}-{instance}"


__all__ = ["JOB", "NOW", "OTHER", "FakeGateway", "FakeSubscription", "at", "id_of", "pod_stream"]
