"""The rules that a journal keeps, each looking at every event and, in the end, at the whole.

1. A rule yields sentences; it never raises and never repairs.
2. Rules that need the whole journal say nothing when only one entity is replayed: they are left out.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from actors.catalog import state as catalog
from actors.host import state as host
from actors.job import state as job
from actors.job.commands import ReportPod
from actors.job.state import JobState
from actors.kernel.decider import Entity, Send
from actors.pod import state as pod
from actors.pod.state import PodState
from actors.task import state as task
from actors.worker import state as worker
from events.pod import PodCreated, PodPhase
from events.receipt import CommandReceived, ReceiptRecorded
from events.record import Recorded, entity_of
from projections.view import View, fold
from protocol.inspect.replay.facts import facts_of

TASKS_ACCEPTED = "result.tasks_accepted:1"
Table = Mapping[Any, Mapping[Any, tuple[Any, ...]]]
"""As the tables of deciders: phase before, class of event, phases after."""


class Seen(NamedTuple):
    """One event, and what its entity was before and after it; None for what has no state."""

    recorded: Recorded
    before: object
    after: object


class Rule(Protocol):
    """Something that a journal keeps."""

    @property
    def name(self) -> str:
        """What it is about, in a word or two."""

    def look(self, seen: Seen) -> Iterator[str]:
        """Yield what is wrong with an event."""

    def end(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong in the end, each with the stream it is about."""


def rules(entities: Iterable[Entity[Any]], *, is_whole: bool) -> tuple[Rule, ...]:
    """Return the rules for a replay of everything, or of one entity."""
    alone: tuple[Rule, ...] = (
        Phases("phase", "job", _phase, job.TRANSITIONS, job.STEADY),
        Phases("workflow phase", "job", _workflow_phase, job.WORKFLOW_STORED, frozenset()),
        Phases("phase", "pod", _phase, pod.TRANSITIONS, pod.STEADY),
        Phases("phase", "host", _phase, host.TRANSITIONS, host.STEADY),
        Phases("phase", "task", _phase, task.TRANSITIONS, task.STEADY),
        Phases("phase", "worker", _phase, worker.TRANSITIONS, worker.STEADY),
        Phases("phase", "catalog", _phase, catalog.TRANSITIONS, catalog.STEADY),
        Counts(),
        Receipts(),
        Views(),
    )
    return (*alone, Appends(), Reports(entities)) if is_whole else alone


class Appends:
    """Events of one append neighbour each other, share an envelope, and the last one says so."""

    name = "append"

    def __init__(self) -> None:
        self._open: Recorded | None = None

    def look(self, seen: Seen) -> Iterator[str]:
        """Compare an event with the one before it, if that was not the last of its append."""
        recorded, before = seen.recorded, self._open
        if before is not None:
            if recorded.revision != before.revision + 1:
                yield f"{before.revision} is not the last of its append, and {recorded.revision} follows"
            if recorded.envelope != before.envelope:
                yield "its envelope differs from that of its append"
        self._open = None if recorded.is_last else recorded

    def lose(self) -> None:
        """Forget the append that is open: its next event cannot be read."""
        self._open = None

    def end(self) -> Iterator[tuple[str, str]]:
        """Look whether the last append has its end."""
        if self._open is not None:
            yield self._open.stream, "the journal ends inside an append"


class Receipts:
    """A receipt is one event, unless it answered for tasks: those are not kept for ever."""

    name = "receipt"

    def __init__(self) -> None:
        self._of_tasks: dict[str, bool] = {}

    def look(self, seen: Seen) -> Iterator[str]:
        """Refuse a second event."""
        stream, event = seen.recorded.stream, seen.recorded.event
        if entity_of(stream) == "receipt":
            if not self._of_tasks.get(stream, True):
                yield "a receipt has a second event"
            self._of_tasks[stream] = isinstance(event, ReceiptRecorded) and event.topic == TASKS_ACCEPTED

    def end(self) -> Iterator[tuple[str, str]]:
        """Say nothing."""
        yield from ()


@dataclass(frozen=True, slots=True)
class Phases:
    """A phase changes only as the table of its machine says."""

    name: str
    kind: str
    phase_of: Callable[[Any], object]
    table: Table
    steady: frozenset[type]

    def look(self, seen: Seen) -> Iterator[str]:
        """Look the step up in the table."""
        recorded = seen.recorded
        kind = type(recorded.event)
        if entity_of(recorded.stream) != self.kind or seen.after is None or kind is CommandReceived:
            return
        before = None if seen.before is None else self.phase_of(seen.before)
        after = self.phase_of(seen.after)
        edges = self.table.get(before, {})
        afters = (before,) if kind in self.steady else edges.get(kind, (before,))
        if after not in afters:
            yield f"{kind.__name__} leads from {_told(before)} to {_told(after)}"

    def end(self) -> Iterator[tuple[str, str]]:
        """Say nothing."""
        yield from ()


class Counts:
    """What a job counts is what it knows of its pods."""

    name = "counts"

    def __init__(self) -> None:
        self._jobs: dict[str, JobState] = {}

    def look(self, seen: Seen) -> Iterator[str]:
        """Compare the sum, which is cheap."""
        state = seen.after
        if isinstance(state, JobState):
            self._jobs[seen.recorded.stream] = state
            if sum(state.counts.values()) != len(state.pods):
                yield f"{sum(state.counts.values())} pods are counted, {len(state.pods)} are known"

    def end(self) -> Iterator[tuple[str, str]]:
        """Compare phase by phase."""
        for stream, state in self._jobs.items():
            known = Counter(each.phase for each in state.pods.values())
            for phase in PodPhase:
                if known[phase] != state.counts.get(phase, 0):
                    counted = state.counts.get(phase, 0)
                    yield stream, f"{counted} pods are counted as {phase.value}, {known[phase]} are"


class Views:
    """What views know is what actors know, wherever both do, after each append."""

    name = "view"

    def __init__(self) -> None:
        self._views: dict[str, View | None] = {}
        self._last: Recorded | None = None
        self._open: dict[str, object] = {}
        """What the append that is not yet whole has changed: states by stream."""

    def look(self, seen: Seen) -> Iterator[str]:
        """Fold the view, and compare when the append is whole."""
        recorded, last = seen.recorded, self._last
        if last is not None and (recorded.revision, recorded.envelope) != (last.revision + 1, last.envelope):
            yield from self._compared()
        self._last = recorded
        try:
            self._views[recorded.stream] = fold(self._views.get(recorded.stream), recorded)
        except Exception as error:  # noqa: BLE001 - whatever a fold raises is a finding
            yield f"the view's fold raises {type(error).__name__}: {error}"
            return
        self._open[recorded.stream] = seen.after
        if recorded.is_last:
            yield from self._compared()

    def end(self) -> Iterator[tuple[str, str]]:
        """Compare what is left."""
        for detail in self._compared():
            yield "", detail

    def _compared(self) -> Iterator[str]:
        for stream, state in self._open.items():
            view = self._views[stream]
            known, told = facts_of(state), {} if view is None else facts_of(view)
            for name in told:
                if name in known and told[name] != known[name]:
                    yield f"{name} of {stream} is {told[name]!r} in the view, {known[name]!r} in the actor"
        self._open.clear()


class Reports:
    """What a job knows of a pod is what the pod told last, once that was delivered."""

    name = "reports"

    def __init__(self, entities: Iterable[Entity[Any]]) -> None:
        self._entities = {entity.name: entity for entity in entities}
        self._told: dict[str, tuple[int, int, ReportPod]] = {}
        """The last report of each pod, with its version and ordinal."""
        self._taken: dict[tuple[str, str], tuple[int, int]] = {}
        """The highest delivery that a receiver took of a sender."""
        self._pods: dict[str, PodState] = {}
        self._jobs: dict[str, JobState] = {}

    def look(self, seen: Seen) -> Iterator[str]:
        """Note what is told and what is taken."""
        recorded, state = seen.recorded, seen.after
        if recorded.envelope.delivery is not None:
            sender, version, ordinal = recorded.envelope.delivery
            self._taken[recorded.stream, sender] = (version, ordinal)
        match state:
            case JobState():
                self._jobs[recorded.stream] = state
            case PodState():
                self._pods[recorded.stream] = state
                self._note(recorded, state)
            case _:
                pass
        yield from ()

    def _note(self, recorded: Recorded, state: PodState) -> None:
        if isinstance(recorded.event, PodCreated):
            self._told.pop(recorded.stream, None)
        if isinstance(recorded.event, CommandReceived):
            return
        sends = [
            effect
            for effect in self._entities["pod"].react(state, recorded.event)
            if isinstance(effect, Send)
        ]
        for ordinal, send in enumerate(sends):
            if isinstance(send.command, ReportPod) and send.to == state.owner:
                self._told[recorded.stream] = (recorded.version, ordinal, send.command)

    def end(self) -> Iterator[tuple[str, str]]:
        """Compare what was told and taken with what is known."""
        for stream, (version, ordinal, report) in self._told.items():
            owner = self._pods[stream].owner
            owning = self._jobs.get(owner)
            if owning is None or self._taken.get((owner, stream)) != (version, ordinal):
                continue
            known = owning.pods.get(report.instance)
            if report.phase is PodPhase.DELETED:
                if known is not None:
                    yield owner, f"{stream} told that it is gone, and is still known"
            elif known is None:
                yield owner, f"{stream} is not known, and told that it is {report.phase.value}"
            elif (known.run, known.phase) != (report.run, report.phase):
                yield (
                    owner,
                    (
                        f"{stream} is known as run {known.run}, {known.phase.value},"
                        f" and told run {report.run}, {report.phase.value}"
                    ),
                )


def _phase(state: Any) -> object:  # noqa: ANN401 - every state has one of its own kind
    return state.phase


def _workflow_phase(state: JobState) -> object:
    return None if state.workflow is None else state.workflow.phase


def _told(phase: object) -> str:
    return "nothing" if phase is None else str(phase)
