"""The pods of one owner that are in memory, and how many of them are where they told nobody.

1. A pod tells its owner when a run begins, runs, is being ended and has ended. Each word is an event of the
   owner's, so of the way from its beginning to its running a run tells nothing.
2. Those that are on that way are counted here as they come and go: what the owner was told, and these
   counts, make up where all of them are.
3. What is counted costs two entries of a dictionary for a change; pods that run or have ended cost nothing.
"""

from collections.abc import Mapping, Sequence

from immutables import Map

from events.pod import PodPhase
from projections.pods import PodView

Place = tuple[int, PodPhase]
"""Configuration and phase of a pod."""

SILENT = (
    PodPhase.PENDING,
    PodPhase.READY,
    PodPhase.PLACING,
    PodPhase.RESERVED,
    PodPhase.PLACED,
    PodPhase.LAUNCHING,
    PodPhase.LAUNCHED,
    PodPhase.STARTING,
)
"""Phases that a pod comes to without a word to its owner."""

_SILENT = frozenset(SILENT)


class OwnedPods:
    """The pods of one owner."""

    __slots__ = ("_pods", "live", "silent")

    def __init__(self) -> None:
        self._pods: dict[int, PodView] = {}
        """By instance."""
        self.live = 0
        """How many are not over."""
        self.silent: dict[Place, int] | None = None
        """How many are in a silent phase, by place; none of them 0. None when none ever was."""

    def __len__(self) -> int:
        return len(self._pods)

    def put(self, before: PodView | None, pod: PodView) -> None:
        """Keep a pod in place of what it was before, None when it is new here."""
        self._pods[pod.instance] = pod
        if before is not None and before.phase in _SILENT:
            self._leave(before)
        if pod.phase in _SILENT:
            silent = self.silent
            if silent is None:
                silent = self.silent = {}
            place = (pod.config, pod.phase)
            silent[place] = silent.get(place, 0) + 1

    def drop(self, pod: PodView) -> None:
        """Keep a pod no longer."""
        del self._pods[pod.instance]
        if pod.phase in _SILENT:
            self._leave(pod)

    def in_order(self) -> Sequence[PodView]:
        """Return the pods by instance number."""
        pods = self._pods
        return [pods[instance] for instance in sorted(pods)]

    def _leave(self, pod: PodView) -> None:
        silent = self.silent
        if silent is None:
            raise LookupError(f"{pod.id} was not counted")
        place = (pod.config, pod.phase)
        left = silent[place] - 1
        if left:
            silent[place] = left
        else:
            del silent[place]


def placed(told: Map[Place, int], silent: Mapping[Place, int]) -> Map[Place, int]:
    """Return what an owner was told of its pods, with those that are on their way where they are.

    They are no more than were told to be on it: of a run that is further than its owner heard, or has a
    configuration of which it did not hear, another word is under way.
    """
    counts = dict(told)
    for config in {config for config, _ in silent}:
        waiting = sum(counts.pop((config, phase), 0) for phase in (PodPhase.INITIALIZED, *SILENT))
        for phase in reversed(SILENT):
            if number := min(waiting, silent.get((config, phase), 0)):
                counts[config, phase] = number
                waiting -= number
        if waiting:
            counts[config, PodPhase.INITIALIZED] = waiting
    return Map(counts)
