"""The watch hub: who watches what, and telling them what each append changed.

1. Everything here runs on the event loop and never waits; an idle watcher costs nothing.
2. A start revision is inclusive; 0 is from now; the one after the current is valid; above it is
   refused as BadStart, below the compact revision as Compacted.
3. `publish` is called after the hot views, with whole appends, in order and without gaps.
4. The hub remembers the newest appends, up to a bound, for all watchers at once: a watcher joins
   the live ones in one step when what it has read reaches them. No gap, no repetition, and
   nothing is buffered for a watcher that still reads the past.
"""

from collections import deque
from collections.abc import Callable, Sequence

from projections.hot import Advance
from projections.reading import JournalReader, Readers
from projections.view import View
from projections.watch.entry import Entry
from projections.watch.groups import Groups
from projections.watch.selector import Kind, Selector, matches
from projections.watch.subscription import EndOfWatch, Message, WatchEnded
from projections.watch.watcher import Bounds, Watcher

REMEMBERED_APPENDS = 256
REMEMBERED_VIEWS = 4_096


class BadStart(ValueError):  # noqa: N818 - a refusal is named for what is wrong
    """The start revision is not one that was ever given, nor the next one."""

    def __init__(self, current: int) -> None:
        super().__init__(f"the start revision must be at most {current + 1}, the current one is {current}")
        self.current = current


class Compacted(LookupError):  # noqa: N818 - as BadStart
    """The start revision is below the lowest that is still readable."""

    def __init__(self, compact: int, current: int) -> None:
        super().__init__(f"revisions below {compact} are compacted, the current one is {current}")
        self.compact = compact
        self.current = current


class TooManyWatchers(Exception):  # noqa: N818 - as BadStart
    """The kind has as many watchers as it may have."""

    def __init__(self, kind: Kind, limit: int) -> None:
        super().__init__(f"there are {limit} watchers of kind {kind.value}, no more are taken")
        self.kind = kind
        self.limit = limit


class Hub:
    """All watches.

    Args:
        revision: Revision that the hot views have seen.
        readers: Run reads of the journal.
        random_id: A random number of 64 bits.
        compact_revision: Tells the lowest readable revision.
        max_watchers: Of each kind.
        bounds: Of each watcher.
        remembered_appends: How many appends are remembered for who is about to join.
        remembered_views: How many views they may have together.
    """

    def __init__(
        self,
        *,
        revision: int,
        readers: Readers[JournalReader],
        random_id: Callable[[], int],
        compact_revision: Callable[[], int] = lambda: 1,
        max_watchers: int = 1_000,
        bounds: Bounds = Bounds(),  # noqa: B008 - frozen
        remembered_appends: int = REMEMBERED_APPENDS,
        remembered_views: int = REMEMBERED_VIEWS,
    ) -> None:
        self._revision = revision
        self._readers = readers
        self._random_id = random_id
        self._compact_revision = compact_revision
        self._max_watchers = max_watchers
        self._bounds = bounds
        self._remembered_appends = remembered_appends
        self._remembered_views = remembered_views
        self._recent: deque[Advance] = deque()
        self._recent_views = 0
        self._forgotten = revision
        """Everything above this revision is in `_recent`."""
        self._watchers: dict[int, Watcher] = {}
        self._counts: dict[Kind, int] = dict.fromkeys(Kind, 0)
        self._groups: Groups[Watcher] = Groups()
        self._is_shut = False

    @property
    def revision(self) -> int:
        """Revision of the last append that was published."""
        return self._revision

    def watchers(self, kind: Kind) -> int:
        """Return how many watchers there are of a kind."""
        return self._counts[kind]

    def open(self, selector: Selector, start: int) -> Watcher:
        """Begin a watch; answer the subscription.

        Raises BadStart, Compacted, TooManyWatchers; WatchEnded after the shutdown.
        """
        current = self._revision
        if self._is_shut:
            raise WatchEnded(EndOfWatch.SHUTDOWN, start or current + 1)
        if not 0 <= start <= current + 1:
            raise BadStart(current)
        compact = self._compact_revision()
        if start and start < compact:
            raise Compacted(compact, current)
        if self._counts[selector.kind] >= self._max_watchers:
            raise TooManyWatchers(selector.kind, self._max_watchers)
        id = self._new_id()  # noqa: A001 - the name of the thing
        watcher = Watcher(
            id, selector, start or current + 1, hub=self, readers=self._readers, bounds=self._bounds
        )
        self._watchers[id] = watcher
        self._counts[selector.kind] += 1
        watcher.join()
        return watcher

    def publish(self, advances: Sequence[Advance]) -> None:
        """Tell the live watchers what was committed."""
        for advance in advances:
            self._remember(advance)
            shared: dict[tuple[int, ...], Entry] = {}
            for group, views in self._groups.matching(advance):
                identities = tuple(map(id, views))
                entry = shared.get(identities)
                if entry is None:
                    entry = shared[identities] = Entry(Message(revision=advance.revision, views=views))
                # A copy, because a push may end its watcher, who then leaves the group.
                for watcher in list(group.watchers.values()):
                    watcher.push(entry)

    def cancel(self, id: int) -> bool:  # noqa: A002
        """End a watch by its id; return whether there was one."""
        watcher = self._watchers.get(id)
        if watcher is None:
            return False
        watcher.end(EndOfWatch.CANCELLED)
        return True

    def shutdown(self) -> None:
        """End all watches and take no more."""
        self._is_shut = True
        for watcher in list(self._watchers.values()):
            watcher.end(EndOfWatch.SHUTDOWN)

    # ------------------------------------------------------------ for watchers

    def join(self, watcher: Watcher, position: int) -> list[Entry] | None:
        """Put a watcher among the live ones, if what is remembered reaches back to the position."""
        if position <= self._forgotten:
            return None
        self._groups.add(watcher.selector, watcher.id, watcher)
        return [
            Entry(Message(revision=advance.revision, views=views))
            for advance in self._recent
            if advance.revision >= position and (views := _selected(watcher.selector, advance))
        ]

    def leave(self, watcher: Watcher) -> None:
        """Free a watcher's place; does nothing the second time."""
        if self._watchers.pop(watcher.id, None) is not None:
            self._counts[watcher.selector.kind] -= 1
            self._groups.remove(watcher.selector, watcher.id)

    # ------------------------------------------------------------ inside

    def _remember(self, advance: Advance) -> None:
        self._revision = advance.revision
        self._recent.append(advance)
        self._recent_views += len(advance.views)
        while self._recent and (
            len(self._recent) > self._remembered_appends or self._recent_views > self._remembered_views
        ):
            oldest = self._recent.popleft()
            self._recent_views -= len(oldest.views)
            self._forgotten = oldest.revision

    def _new_id(self) -> int:
        while True:
            id = self._random_id()  # noqa: A001 - the name of the thing
            if id and id not in self._watchers:
                return id


def _selected(selector: Selector, advance: Advance) -> tuple[View, ...]:
    return tuple(view for view in advance.views.values() if matches(selector, view))
