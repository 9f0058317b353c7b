"""The only door between façades and kernel: commands in, views and watches out.

1. A façade changes the system only by the ways to `execute`; it sees it only by the other methods.
2. A refusal is raised as `Refused`, whatever refused it; nothing else of the kernel is raised.
3. What a read waits for: point reads see every reply given before; lists wait until their tables
   have reached the revision that was current when they were asked.
4. Under a key, nothing that may have changed is looked at before the call is known not to be a repeat.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from actors.kernel.decider import Rejection
from events.frozen import frozen
from events.record import Recorded
from projections.hosts import HostView
from projections.jobs import JobView
from projections.pods import PodView
from projections.queries import JobQuery, Page, PodQuery
from projections.tail.selector import EventSelector
from projections.tail.subscription import EventSubscription
from projections.watch.selector import Selector
from projections.watch.subscription import Subscription
from protocol.past import Standing

R = TypeVar("R")


class Refused(Exception):  # noqa: N818 - the field's word for it is a refusal, not an error of ours
    """The request was refused, and nothing of it was done."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.reason)
        self.rejection = rejection


@frozen
class Call:
    """Who calls, and how: what a façade knows of a request beside its message."""

    principal: str
    origin: str
    """The API through which it came."""
    request_id: str
    roles: frozenset[str] = frozenset()
    key: str = ""
    """Idempotency key, empty for none."""
    fingerprint: str = ""
    """Hash of the request's canonical form; set when there is a key."""
    deadline: float | None = None
    """Seconds on the event loop's clock."""
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """Where the journal stands."""

    current: int
    """Revision of the last commit that views have seen, 0 for none."""
    compact: int
    """The lowest revision that is still readable."""
    at: int
    """When the current revision was decided: microseconds since the epoch, UTC; 0 for none."""
    journal: str
    """Random text that names the journal for ever."""


Prepare = Callable[[], Awaitable[object]]
"""Makes a command of what there is when it is asked to. Raises Refused."""
PrepareAll = Callable[[], Awaitable[Sequence[tuple[str, object]]]]
"""As `Prepare`, for several entities: at least one, each with its command."""


class Gateway(Protocol):
    """What every façade is given."""

    async def execute(self, stream: str, command: object, call: Call, expect: type[R]) -> R:
        """Run a command on one entity; answer its result, an instance of `expect`, once it is on disk.

        With a key the answer of the first such call is given again; the same key with another
        fingerprint is refused as already existing.
        """

    async def execute_prepared(self, stream: str, prepare: Prepare, call: Call, expect: type[R]) -> R:
        """As `execute`, with a command that is made once it is known that the call is no repeat."""

    async def execute_together(self, prepare: PrepareAll, call: Call) -> None:
        """As `execute_prepared`, a command for each of several entities: all are run, or none."""

    async def pod(self, id: str) -> PodView | None:  # noqa: A002 - the name of the thing
        """Return the pod as it is now, None when there is none."""

    async def job(self, id: str) -> JobView | None:  # noqa: A002
        """Return the job as it is now, None when there is none or it was deleted.

        Here and in lists, pods are counted where they are, also those that told their job nothing of it.
        """

    def pods_of(self, owner: str) -> Sequence[PodView]:
        """Return the live pods of an owner by instance number."""

    def hosts(self) -> Sequence[HostView]:
        """Return all hosts by name."""

    async def jobs_named(self, name: str) -> Sequence[str]:
        """Return the ids of all jobs ever created under a name, newest first."""

    async def list_jobs(self, query: JobQuery, call: Call) -> Page[JobView]:
        """Return one page of jobs."""

    async def list_pods(self, query: PodQuery, call: Call) -> Page[PodView]:
        """Return one page of pods."""

    def pod_history(self, id: str) -> AsyncIterator[tuple[Recorded, PodView]]:  # noqa: A002
        """Yield each event of a pod with the view after it, oldest first, deleted pods included."""

    def job_history(self, id: str) -> AsyncIterator[tuple[Recorded, JobView]]:  # noqa: A002
        """Yield each event of a job with the view after it, oldest first, deleted jobs included."""

    def watch(self, selector: Selector, start: int) -> Subscription:
        """Watch from a revision, inclusive; 0 is from now. Refused as the watch hub says."""

    def cancel_watch(self, id: int) -> bool:  # noqa: A002
        """End a watch by its id, with the reason that it was cancelled; False when there is none."""

    async def at(self, stream: str, revision: int | None = None) -> Standing | None:
        """Return an entity as it was at a revision, now for None; None when it had no event yet.

        Refused for a kind that has no state, and for a revision that is not readable.
        """

    async def events(self, stream: str, *, before: int | None, limit: int) -> Sequence[Recorded]:
        """Return events of an entity with versions below `before`, newest first; None: the newest."""

    async def revision_at(self, time: int) -> int:
        """Return the last revision that was decided at a time or before, 0 for none.

        The time is in microseconds since the epoch, UTC; "last" is by the order of the journal.
        """

    def follow(self, selector: EventSelector, start: int) -> EventSubscription:
        """Follow events from a revision, inclusive; 0 is from now. Refused as watches are."""

    async def horizon(self) -> Horizon:
        """Return where the journal stands."""

    def topic_of(self, event: object) -> str:
        """Return the name under which an event stands in the journal."""

    @property
    def revision(self) -> int:
        """Revision of the last commit that views have seen."""

    def new_id(self) -> str:
        """A fresh random id in the form of a UUID, ordered by time."""
