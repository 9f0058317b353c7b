"""Watching clients: each is told exactly the suffix that it asked for, across crashes, each change once.

1. A watch resumes at the last revision seen + 1. What a watcher was told is compared with the journal:
   atomic, in order, without gap, without repetition.
2. Only a watcher that is far behind has messages joined: then the latest of each entity counts.
"""

import asyncio
from random import Random

from grpc import StatusCode

from projections.view import View, stream_of
from projections.watch.selector import Kind, Selector
from protocol.pb.peloton.api.v1alpha.watch.svc import watch_svc_pb2 as svc
from protocol.peloton.translate.stored_spec import StoredSpecs
from protocol.peloton.translate.watch import encode_pods, job_encoder
from protocol.simulation.network import CallFailed
from protocol.simulation.person import Outside, Person
from protocol.simulation.story import LawBroken
from protocol.simulation.wishes import Known

PATH = "/peloton.api.v1alpha.watch.svc.WatchService/Watch"
LEGAL = (StatusCode.UNAVAILABLE, StatusCode.ABORTED, StatusCode.CANCELLED, StatusCode.RESOURCE_EXHAUSTED)


class WatchingClient(Person):
    """One watcher, through as many servers as it takes (see Person). It is never over, only no longer slow.

    Args:
        known: What it may watch.
        max_behind: Messages that wait for a live watcher before they are joined.
    """

    def __init__(self, name: str, chance: Random, outside: Outside, *, known: Known, max_behind: int) -> None:
        super().__init__(name, chance, outside)
        self._known = known
        self._max_behind = max_behind
        self._kind = chance.choice((Kind.JOB, Kind.POD))
        self._of = ""
        """The one job that it watches, empty for all."""
        self._slowness = chance.choice((0.0, 0.0, 0.3, 5.0, 40.0))
        self._start = 0
        """Revision that the first message could have; 0 while that is not known."""
        self._last = 0
        """Revision up to which it was told everything; below it nothing comes any more."""
        self._told: list[svc.WatchResponse] = []
        self._encode = job_encoder(StoredSpecs()) if self._kind is Kind.JOB else encode_pods

    async def run(self) -> None:
        """Watch for ever."""
        await asyncio.sleep(self._chance.random() * 20)
        if self._known.jobs and self._chance.random() < 0.4:  # noqa: PLR2004
            self._of = self._chance.choice(self._known.jobs)
        if self._chance.random() < 0.4:  # noqa: PLR2004 - from the past
            self._last = self._chance.randint(0, self._known.revision)
            self._start = self._last + 1
        while True:
            try:
                await self._watch()
            except CallFailed as failed:
                self._story.tell(self._name, f"ends at {self._last}: {failed}")
                if failed.code not in LEGAL:
                    raise LawBroken("a watch ends legally", f"{self._name}: {failed}") from None
            await asyncio.sleep(0.2 if self._is_over() else self._chance.random() * 2)

    async def _watch(self) -> None:
        request = self._request()
        self._story.tell(self._name, f"watches {self._kind.value} {self._of} from {request.start_revision}")
        is_first = True
        stream = self._network.stream(PATH, request, svc.WatchResponse)
        try:
            async for message in stream:
                if is_first:
                    is_first = False
                    self._begun(message)
                else:
                    self._told.append(message)
                    if message.revision <= self._last:
                        raise LawBroken(
                            "a watch is in order", f"{self._name}: {message.revision} after {self._last}"
                        )
                    self._last = message.revision
                self._known.revision = max(self._known.revision, message.revision)
                if self._slowness and not self._is_over():
                    await asyncio.sleep(self._chance.random() * self._slowness)
                    if self._chance.random() < 0.02:  # noqa: PLR2004
                        self._story.tell(self._name, f"goes away at {self._last}")
                        return
        finally:
            await stream.aclose()  # type: ignore[attr-defined]  # it is a generator

    def _request(self) -> svc.WatchRequest:
        request = svc.WatchRequest(start_revision=self._last + 1 if self._start else 0)
        match self._kind:
            case Kind.JOB:
                request.stateless_job_filter.SetInParent()
                if self._of:
                    request.stateless_job_filter.job_ids.add(value=self._of)
            case _:
                request.pod_filter.SetInParent()
                if self._of:
                    request.pod_filter.job_id.value = self._of
        return request

    def _begun(self, message: svc.WatchResponse) -> None:
        if not message.watch_id:
            raise LawBroken("a watch begins with its id", f"{self._name}: {message}")
        if not self._start:
            self._last = message.revision
            self._start = message.revision + 1

    # ------------------------------------------------------------ laws

    def check(self, *, is_at_rest: bool) -> None:
        """Raise LawBroken unless it was told what happened since it began, all of it when at rest."""
        if not self._start:
            return
        changes = self._books.changes(self._selector(), self._start)
        place = 0
        for message in self._told:
            joined: dict[str, View] = {}
            count = 0
            while place < len(changes) and changes[place][0] <= message.revision:
                joined.update((stream_of(view), view) for view in changes[place][1])
                place, count = place + 1, count + 1
            views = tuple(joined[stream] for stream in sorted(joined))
            is_there = count and changes[place - 1][0] == message.revision
            if not is_there or 1 < count <= self._max_behind:
                raise LawBroken(
                    "a watch has neither gap nor repetition", f"{self._name}: {count} at {message.revision}"
                )
            if svc.WatchResponse.FromString(self._encode(message.revision, views)) != message:
                raise LawBroken("a watch tells what was so", f"{self._name} at {message.revision}: {message}")
        if is_at_rest and place < len(changes):
            missing = changes[place][0]
            raise LawBroken(
                "a watch tells all", f"{self._name} was not told of {missing}, is at {self._last}"
            )

    def _selector(self) -> Selector:
        if self._kind is Kind.JOB:
            ids = frozenset({self._of}) if self._of else frozenset[str]()
            return Selector(kind=Kind.JOB, ids=ids)
        return Selector(kind=Kind.POD, owner=f"job/{self._of}" if self._of else "")
