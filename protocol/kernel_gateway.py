"""The gateway over a kernel and its projections.

1. It decides nothing: it finds who knows, and says a refusal in the one way that façades know.
2. A command of a caller who goes away is carried through once it was decided.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from types import NoneType
from typing import TypeVar

from actors.kernel.decider import Code, Rejection
from actors.kernel.kernel import Kernel
from actors.kernel.request import Answer, Keyed
from events.record import Recorded, entity_of
from projections.cursor import BadCursor
from projections.history import History, Moment
from projections.hosts import HostView
from projections.hot import HotViews
from projections.jobs import JobView
from projections.lists import MAX_WAIT_S, Lagging, Lists
from projections.pods import PodView
from projections.queries import JobQuery, Page, PodQuery
from projections.tail.hub import Tails, TooManyTails
from projections.tail.selector import EventSelector
from projections.tail.subscription import EventSubscription
from projections.view import owner_of
from projections.watch.hub import BadStart, Compacted, Hub, TooManyWatchers
from projections.watch.selector import Selector
from projections.watch.subscription import Subscription
from protocol.gateway import Call, Horizon, Prepare, PrepareAll, Refused
from protocol.past import Past, Standing
from protocol.requests import keyed_of, request_of

CLOSED = Rejection(Code.UNAVAILABLE, "the server takes no more changes")

R = TypeVar("R")
V = TypeVar("V")


class KernelGateway:
    """What every façade is given."""

    def __init__(
        self,
        *,
        kernel: Kernel,
        hot: HotViews,
        lists: Lists,
        history: History,
        hub: Callable[[], Hub],
        tails: Callable[[], Tails],
        past: Past,
        journal: str,
        topic_of: Callable[[type], str],
        new_id: Callable[[], str],
        is_open: Callable[[], bool],
    ) -> None:
        self._kernel = kernel
        self._hot = hot
        self._lists = lists
        self._history = history
        self._hub = hub
        self._tails = tails
        self._past = past
        self._journal = journal
        self._topic_of = topic_of
        self._is_open = is_open
        self.new_id = new_id

    async def execute(self, stream: str, command: object, call: Call, expect: type[R]) -> R:
        """Run a command on one entity; answer its result once it is on disk."""
        if not self._is_open():
            raise Refused(CLOSED)
        request = request_of(call, command, keyed_of(call))
        if (passed := self._before(stream)) is not None:
            await passed
        return _result(await self._kernel.ask(stream, request), expect)

    async def execute_prepared(self, stream: str, prepare: Prepare, call: Call, expect: type[R]) -> R:
        """As `execute`, with a command that is made once it is known that the call is no repeat."""
        if not self._is_open():
            raise Refused(CLOSED)
        keyed = keyed_of(call)
        if keyed is None:
            return await self.execute(stream, await prepare(), call, expect)
        claimed = await self._kernel.claim(keyed)
        if not isinstance(claimed, Keyed):
            return _result(claimed, expect)
        is_held = True
        try:
            request = request_of(call, await prepare(), claimed)
            if (passed := self._before(stream)) is not None:
                await passed
            is_held = False  # from here on the answer gives the key back
            answer = await self._kernel.ask(stream, request, is_claimed=True)
        finally:
            if is_held:
                self._kernel.give_back(claimed)
        return _result(answer, expect)

    async def execute_together(self, prepare: PrepareAll, call: Call) -> None:
        """As `execute_prepared`, a command for each of several entities: all are run, or none."""
        if not self._is_open():
            raise Refused(CLOSED)
        keyed = keyed_of(call)
        claimed = None if keyed is None else await self._kernel.claim(keyed)
        if claimed is not None and not isinstance(claimed, Keyed):
            _result(claimed, NoneType)
            return
        try:
            request = request_of(call, None, claimed)
            answers = await self._kernel.ask_together(await prepare(), request=request)
        finally:
            if claimed is not None:
                self._kernel.give_back(claimed)
        for answer in answers:
            _result(answer, NoneType)

    def _before(self, stream: str) -> Awaitable[None] | None:
        """Return what the entity's owner has sent it: an acknowledged change of the owner comes first."""
        view = self._hot.get(stream)
        owner = owner_of(view) if view is not None else ""
        return self._kernel.post.passed(owner, stream) if owner else None

    # ------------------------------------------------------------ views

    async def pod(self, id: str) -> PodView | None:  # noqa: A002 - the name of the thing
        """Return the pod as it is now, None when there is none."""
        view = self._hot.find(f"pod/{id}")
        return view if isinstance(view, PodView) else None

    async def job(self, id: str) -> JobView | None:  # noqa: A002
        """Return the job as it is now, None when there is none or it was deleted."""
        view = self._hot.find(f"job/{id}")
        return self._hot.counted(view) if isinstance(view, JobView) else None

    def pods_of(self, owner: str) -> Sequence[PodView]:
        """Return the live pods of an owner by instance number."""
        return self._hot.pods_of(owner)

    def hosts(self) -> Sequence[HostView]:
        """Return all hosts by name."""
        return self._hot.hosts()

    @property
    def revision(self) -> int:
        """Revision of the last commit that views have seen."""
        return self._hot.revision

    # ------------------------------------------------------------ lists

    async def jobs_named(self, name: str) -> Sequence[str]:
        """Return the ids of all jobs ever created under a name, newest first."""
        try:
            return await self._lists.jobs_named(name, self.revision)
        except Lagging as error:
            raise Refused(_lagging(error)) from None

    async def list_jobs(self, query: JobQuery, call: Call) -> Page[JobView]:
        """Return one page of jobs."""
        try:
            return await self._lists.jobs(query, self.revision, timeout=_time_left(call))
        except Lagging as error:
            raise Refused(_lagging(error)) from None
        except BadCursor as error:
            raise Refused(Rejection(Code.INVALID, str(error), field="page_token")) from None

    async def list_pods(self, query: PodQuery, call: Call) -> Page[PodView]:
        """Return one page of pods."""
        try:
            return await self._lists.pods(query, self.revision, timeout=_time_left(call))
        except Lagging as error:
            raise Refused(_lagging(error)) from None
        except BadCursor as error:
            raise Refused(Rejection(Code.INVALID, str(error), field="page_token")) from None

    # ------------------------------------------------------------ the past, and what comes

    def pod_history(self, id: str) -> AsyncIterator[tuple[Recorded, PodView]]:  # noqa: A002
        """Yield each event of a pod with the view after it, oldest first."""
        return _typed(self._history.of(f"pod/{id}"), PodView)

    def job_history(self, id: str) -> AsyncIterator[tuple[Recorded, JobView]]:  # noqa: A002
        """Yield each event of a job with the view after it, oldest first."""
        return _typed(self._history.of(f"job/{id}"), JobView)

    def watch(self, selector: Selector, start: int) -> Subscription:
        """Watch from a revision, inclusive; 0 is from now."""
        with _refusing():
            return self._hub().open(selector, start)

    def cancel_watch(self, id: int) -> bool:  # noqa: A002
        """End a watch by its id; False when there is none."""
        return self._hub().cancel(id)

    async def at(self, stream: str, revision: int | None = None) -> Standing | None:
        """Return an entity as it was at a revision, now for None; None when it had no event yet."""
        if entity_of(stream) not in self._past.kinds:
            kinds = ", ".join(self._past.kinds)
            raise Refused(
                Rejection(Code.INVALID, f"entity: must be of a kind with a state: {kinds}", "entity")
            )
        current, compact = self.revision, self._tails().compact_revision
        if revision is not None and not (revision <= current and (not revision or revision >= compact)):
            reason = f"revision: must be one from {compact} to {current}, which is the current one"
            details = (("compact_revision", str(compact)), ("current_revision", str(current)))
            raise Refused(Rejection(Code.OUT_OF_RANGE, reason, "revision", details))
        return await self._past.at(stream, current if revision is None else revision)

    async def events(self, stream: str, *, before: int | None, limit: int) -> Sequence[Recorded]:
        """Return events of an entity with versions below `before`, newest first; None: the newest."""
        return await self._past.events(stream, before=before, limit=limit)

    async def revision_at(self, time: int) -> int:
        """Return the last revision that was decided at a time or before, 0 for none."""
        return await self._past.revision_at(time, self.revision)

    def follow(self, selector: EventSelector, start: int) -> EventSubscription:
        """Follow events from a revision, inclusive; 0 is from now."""
        with _refusing():
            return self._tails().open(selector, start)

    async def horizon(self) -> Horizon:
        """Return where the journal stands."""
        current = self.revision
        at = await self._past.time_of(current)
        return Horizon(current=current, compact=self._tails().compact_revision, at=at, journal=self._journal)

    def topic_of(self, event: object) -> str:
        """Return the name under which an event stands in the journal."""
        return self._topic_of(type(event))


def _result(answer: Answer, expect: type[R]) -> R:
    if isinstance(answer, Rejection):
        raise Refused(answer)
    if not isinstance(answer.result, expect):
        raise TypeError(f"answered {type(answer.result).__name__}, expected {expect.__name__}")
    return answer.result


@contextmanager
def _refusing() -> Iterator[None]:
    """Say as a refusal why a watch cannot begin."""
    try:
        yield
    except BadStart as error:
        raise Refused(Rejection(Code.INVALID, str(error), field="start_revision")) from None
    except Compacted as error:
        details = (("compact_revision", str(error.compact)), ("current_revision", str(error.current)))
        raise Refused(Rejection(Code.OUT_OF_RANGE, str(error), "start_revision", details)) from None
    except (TooManyWatchers, TooManyTails) as error:
        raise Refused(Rejection(Code.EXHAUSTED, str(error))) from None


async def _typed(moments: AsyncIterator[Moment], kind: type[V]) -> AsyncIterator[tuple[Recorded, V]]:
    async for recorded, view in moments:
        if isinstance(view, kind):
            yield recorded, view


def _time_left(call: Call) -> float:
    if call.deadline is None:
        return MAX_WAIT_S
    return max(0.0, call.deadline - asyncio.get_running_loop().time())


def _lagging(error: Lagging) -> Rejection:
    return Rejection(Code.UNAVAILABLE, f"lists are not up to date yet: {error}")
