"""Hot views: what is known of every live entity, in memory, as of the last commit.

1. Everything here runs on one thread, the event loop's, and never waits. Another thread may `get`.
2. Records come in order, whole appends at last: an append that is cut is finished by the next call.
3. An entity that was deleted is dropped at once. One that is over (killed, succeeded, failed) leaves
   when there are too many such, least recently changed first, and only when the tables have it.
4. A job stays while a pod of it is live, and a pod stays while its owner is live. With a job that lives
   again its pods come back.
5. One that left comes back from the tables when something happens to it. While a replay is behind
   the tables, what comes back may have seen more than the replay: then it is taken as it is.
6. A job that gets another name tells the one before: no view knows it any more.
7. A view of a job is the fold of its own events, and of what its pods go through they tell it only a part.
   Who reads a job has its pods counted where they are (`counted`).
8. A replay may begin with the pods that the tables know, which are most of what there is, and then passes
   by what happened to pods until the checkpoint. Jobs are folded: their rows lack the maps by instance.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from events.frozen import replace
from events.pod import TOPICS
from events.receipt import CommandReceived
from events.record import Recorded
from projections.hosts import HostView
from projections.jobs import JobName, JobView
from projections.owned import OwnedPods, placed
from projections.pods import PodView
from projections.queues import Queues
from projections.tasks import TaskView
from projections.view import View, fold, is_gone, is_over

MAX_OVER = 20_000
"""Entities that are over and stay in memory."""

POD_EVENTS = frozenset(TOPICS.values()) - {CommandReceived}

TRIED_AT_ONCE = 256
"""Entities that one `apply` looks at to make room: bounds its time."""


class Cold(Protocol):
    """The tables, as hot views need them."""

    @property
    def checkpoint(self) -> int:
        """Revision up to which the tables have everything."""

    def get(self, stream: str, until: int) -> View | None:
        """Read the view of a stream: one row, at once.

        Should it have to be read from the journal instead, then as it was at a revision.
        """

    def pods_to_keep(self) -> Iterable[PodView]:
        """Read the pods that are not over, and those of owners that are not."""

    def pods_of(self, owner: str) -> Iterable[PodView]:
        """Read the pods of an owner."""


class NoTables:
    """Nothing is stored, so nothing leaves memory."""

    checkpoint = 0

    def get(self, stream: str, until: int) -> View | None:
        """Return None."""

    def pods_to_keep(self) -> Iterable[PodView]:
        """Return none."""
        return ()

    def pods_of(self, owner: str) -> Iterable[PodView]:
        """Return none."""
        del owner
        return ()


class Advance(NamedTuple):
    """What one append changed."""

    revision: int
    """Revision of the append's last event."""
    views: dict[str, View]
    """Each changed entity as it was after the append, by stream, in stream order. Not to be changed.

    A deleted entity is told once more, with its phase deleted.
    """
    former_names: tuple[JobName, ...] = ()
    """Names that jobs had before the append, or in between, and have no more."""


class HotViews:
    """The views of live entities.

    Args:
        cold: The tables; None to keep everything in memory.
        max_over: Bound of the entities that are over and stay.
    """

    def __init__(self, *, cold: Cold | None = None, max_over: int = MAX_OVER) -> None:
        self._cold = cold if cold is not None else NoTables()
        self._keeps_all = cold is None
        self._max_over = max_over
        self._views: dict[str, View] = {}
        self._pods: dict[str, OwnedPods] = {}
        """By owner; none without pods."""
        self._hosts: dict[str, HostView] = {}
        self.queues = Queues()
        """What waits for each worker."""
        self._over: dict[str, int] = {}
        """Revision of the last change, by stream; least recently changed first."""
        self._gone: dict[str, int] = {}
        """Revision of the deletion, by stream, until the tables have it."""
        self._open: dict[str, View] = {}
        """What the append that is not yet whole has changed."""
        self._former_names: list[JobName] = []
        """Of the appends since the last that was told."""
        self._revision = 0
        self._pods_until = 0
        """Revision up to which a replay need not look at pods."""
        self._is_partial = False
        """True once there may be views in the tables that are not in memory."""

    @property
    def revision(self) -> int:
        """Revision of the last event that was seen."""
        return self._revision

    def apply(self, records: Iterable[Recorded]) -> list[Advance]:
        """Take in what was committed; return what each append changed, in order."""
        advances: list[Advance] = []
        touched = self._open
        for recorded in records:
            self._see(recorded)
            if recorded.is_last:
                changed = dict(sorted(touched.items())) if len(touched) > 1 else touched.copy()
                advances.append(Advance(recorded.revision, changed, self._told_names()))
                touched.clear()
        self._make_room()
        return advances

    def begin(self) -> None:
        """Take the pods that the tables know, before the first replay; none if one cannot be read."""
        for view in list(self._cold.pods_to_keep()):
            self._put(f"pod/{view.id}", None, view)
        self._is_partial = True
        self._pods_until = self._cold.checkpoint

    def replay(self, records: Sequence[Recorded]) -> Advance:
        """As `apply`, when nobody asks for single appends: what all whole ones have changed.

        Left out are changes that the tables have. What they know of an entity later is taken from them
        here, so that an older change would stay the newest, and undo it.
        """
        whole = len(records)
        while whole and not records[whole - 1].is_last:
            whole -= 1
        revision = records[whole - 1].revision if whole else 0
        changed = self._open if whole else {}
        self._fold_all(records[:whole], changed)
        names = self._told_names() if whole else ()
        if whole:
            self._open = {}
        self._fold_all(records[whole:], self._open)
        self._make_room()
        known = self._cold.checkpoint
        new = {stream: view for stream, view in changed.items() if view.revision > known}
        return Advance(revision, new, names)

    def _fold_all(self, records: Sequence[Recorded], changed: dict[str, View]) -> None:
        """Take in records, keeping only what each entity is at last; add that to `changed`."""
        kept = self._views.get
        latest: dict[str, View] = {}
        for recorded in records:
            if recorded.event.__class__ in POD_EVENTS and recorded.revision <= self._pods_until:
                continue
            stream = recorded.stream
            before = latest.get(stream)
            if before is None:
                before = kept(stream)
            after = self._folded(before, recorded)
            if after is not None:
                latest[stream] = after
                if is_gone(after):  # what may follow begins anew
                    self._put(stream, kept(stream), latest.pop(stream))
                    changed[stream] = after
        has_tail = bool(records) and records[-1].revision > self._pods_until > 0
        for stream, view in latest.items():
            before = kept(stream)
            self._put(stream, before, view)
            if has_tail and before is None and isinstance(view, JobView) and not is_over(view):
                self._recall_pods(stream)  # it may have been over when the tables were asked
        changed.update(latest)
        if records:
            self._revision = records[-1].revision

    def _see(self, recorded: Recorded) -> None:
        stream = recorded.stream
        before = self._views.get(stream)
        after = self._folded(before, recorded)
        if after is not None:
            # One that had left came back meanwhile.
            self._put(stream, before if before is not None else self._views.get(stream), after)
            self._open[stream] = after

    def _folded(self, before: View | None, recorded: Recorded) -> View | None:
        """Return the view after a record, None when nothing changed; a view that had left comes back."""
        revision = self._revision = recorded.revision
        if before is None and recorded.version > 1:
            before = self._returned(recorded.stream, revision - 1)
            if before is None and revision <= self._cold.checkpoint:
                return None  # the tables know that it was deleted later
        if before is not None and before.revision >= revision:
            return None  # known already, in a replay of what the tables know
        after = fold(before, recorded)
        if after is before:
            return None
        if type(after) is JobView and type(before) is JobView and after.spec is not before.spec:
            self._rename(before, after)
        return after

    def _rename(self, before: JobView, after: JobView) -> None:
        name = before.spec.name
        if name != after.spec.name:
            self._former_names.append(JobName(name, before.created_at, before.id))

    def _told_names(self) -> tuple[JobName, ...]:
        if not self._former_names:
            return ()
        names = tuple(self._former_names)
        self._former_names.clear()
        return names

    def _make_room(self) -> None:
        if not self._keeps_all:
            self._forget_gone()
            if len(self._over) > self._max_over:
                self._evict()

    def find(self, stream: str) -> View | None:
        """Return the view of a stream, from the tables when it left memory; None when there is none."""
        view = self._views.get(stream)
        return self._left(stream, self._revision) if view is None else view

    def get(self, stream: str) -> View | None:
        """Return the view of a stream, None when it is not in memory."""
        return self._views.get(stream)

    def pod(self, id: str) -> PodView | None:  # noqa: A002 - the name of the thing
        """Return a pod, None when it is not in memory."""
        view = self._views.get(f"pod/{id}")
        return view if isinstance(view, PodView) else None

    def job(self, id: str) -> JobView | None:  # noqa: A002
        """Return a job, None when it is not in memory."""
        view = self._views.get(f"job/{id}")
        return view if isinstance(view, JobView) else None

    def pods_of(self, owner: str) -> Sequence[PodView]:
        """Return the pods of an owner by instance number; all of them while the owner is live."""
        pods = self._pods.get(owner)
        return pods.in_order() if pods is not None else []

    def counted(self, job: JobView) -> JobView:
        """Return a job with its pods counted where they are, also those that told it nothing of that."""
        pods = self._pods.get(f"job/{job.id}")
        if pods is None or not pods.silent:
            return job
        return replace(job, counts=placed(job.counts, pods.silent))

    def hosts(self) -> Sequence[HostView]:
        """Return all hosts by name."""
        return sorted(self._hosts.values(), key=lambda host: host.name)

    def __len__(self) -> int:
        return len(self._views)

    def __iter__(self) -> Iterator[View]:
        return iter(self._views.values())

    # ------------------------------------------------------------ keeping

    def _put(self, stream: str, before: View | None, view: View) -> None:
        """Keep a view in place of the one before it, None for none that is in memory."""
        if is_gone(view):
            self._drop(stream)
            if not self._keeps_all:
                self._gone[stream] = view.revision
            return
        if self._gone:
            self._gone.pop(stream, None)
        self._views[stream] = view
        over = is_over(view)
        if before is not None:
            self._over.pop(stream, None)
        if over:
            self._over[stream] = view.revision
        # Classes have no subclasses, and to ask whether one is another takes half of the time.
        if type(view) is PodView:
            pods = self._pods.get(view.owner)
            if pods is None:
                pods = self._pods[view.owner] = OwnedPods()
            pods.put(before if type(before) is PodView else None, view)
            was_live = before is not None and not is_over(before)
            if was_live is over:
                pods.live += 1 - 2 * over
        elif type(view) is TaskView:
            self.queues.put(view)
        elif type(view) is JobView:
            if before is not None and not over and is_over(before):
                self._recall_pods(stream)
        elif type(view) is HostView:
            self._hosts[stream] = view

    def _left(self, stream: str, until: int) -> View | None:
        """Return the view of a stream that is not in memory, None when there is none."""
        if self._gone.get(stream, 0) > self._cold.checkpoint:
            return None
        return self._cold.get(stream, until)

    def _returned(self, stream: str, until: int) -> View | None:
        """Take a view back into memory because something happens to it after a revision."""
        view = self._left(stream, until)
        if view is not None:
            self._put(stream, None, view)
        return view

    def _recall_pods(self, owner: str) -> None:
        if not self._is_partial:
            return
        for pod in self._cold.pods_of(owner):
            stream = f"pod/{pod.id}"
            if stream not in self._views and stream not in self._gone:
                self._put(stream, None, pod)

    def _drop(self, stream: str) -> None:
        view = self._views.pop(stream, None)
        self._over.pop(stream, None)
        self._hosts.pop(stream, None)
        if isinstance(view, PodView):
            pods = self._pods[view.owner]
            pods.drop(view)
            pods.live -= int(not is_over(view))
            if not pods:
                del self._pods[view.owner]

    def _forget_gone(self) -> None:
        checkpoint = self._cold.checkpoint
        while self._gone:
            stream, revision = next(iter(self._gone.items()))
            if revision > checkpoint:
                return
            del self._gone[stream]

    def _evict(self) -> None:
        """Drop what is over and in the tables; what has to stay goes to the end of the line."""
        checkpoint = self._cold.checkpoint
        for _ in range(min(TRIED_AT_ONCE, len(self._over))):
            if len(self._over) <= self._max_over:
                return
            stream, revision = next(iter(self._over.items()))
            if revision > checkpoint:
                return
            if self._has_to_stay(stream):
                self._over[stream] = self._over.pop(stream)
            else:
                self._drop(stream)
                self._is_partial = True

    def _has_to_stay(self, stream: str) -> bool:
        view = self._views[stream]
        if isinstance(view, PodView):
            owner = self._views.get(view.owner)
            # Of a replay that passes by pods, an owner may be over now and live at its end.
            return self._revision < self._pods_until or (owner is not None and not is_over(owner))
        # In a replay that is behind the tables, a job could come back live: without its maps by instance.
        pods = self._pods.get(stream)
        return (pods is not None and pods.live > 0) or self._revision < self._cold.checkpoint
