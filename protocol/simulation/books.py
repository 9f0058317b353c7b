"""The journal as the laws see it: read on its own, folded on its own, compared with what others say.

1. It is read on after every commit, whether or not the server lives to hear of it.
2. What it breaks a law for, as it reads: versions with a gap; a phase that does not follow another;
   a command of an entity's taken twice; more on a host than the host has; two answers to a request.
3. It trusts `evolve`, `react` and the folds of views, whose own tests hold them to their tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from actors.effects.dispatch import TaskOrder
from actors.effects.engines.engine import RunKey, RunOrder
from actors.job.state import ALLOWED as JOB_EDGES
from actors.job.state import JobState
from actors.kernel.decider import Entity, Send
from actors.pod.state import ALLOWED as POD_EDGES
from actors.pod.state import PodState
from actors.task.state import ALLOWED as TASK_EDGES
from actors.task.state import TaskState
from actors.worker.state import ALLOWED as WORKER_EDGES
from actors.worker.state import WorkerState
from events.host import HostRegistered, HostSpec
from events.job import WorkflowAdvanced, WorkflowPlanned
from events.journal import Reader
from events.pod import PodDeleted, PodEnded, PodGoalChanged, PodPlaced, PodStopRequested
from events.receipt import CommandReceived
from events.record import Delivery, Recorded, entity_of, id_of
from projections.view import View, fold
from projections.watch.selector import Selector, matches
from protocol.simulation.call_book import CallBook
from protocol.simulation.story import LawBroken, Story
from protocol.simulation.task_book import TaskBook
from protocol.vocabulary import ENTITIES


@dataclass(frozen=True, slots=True)
class Noted:
    """One append, as far as somebody may ask for it."""

    first: int
    revision: int
    request_id: str
    views: Mapping[str, View]
    """Each entity that it changed, as it was afterwards, in stream order."""
    versions: Mapping[str, str]
    """Version of each job that it touched, afterwards."""


@dataclass(slots=True)
class HostBook:
    """What one host has, and what pods hold of it."""

    spec: HostSpec
    held: dict[str, tuple[int, float, float, tuple[int, ...]]] = field(default_factory=dict)
    """By pod: run, processors, memory, ports."""


class Books:
    """Everything that is committed.

    Args:
        reader: Of the journal.
        story: Told of every append.
    """

    def __init__(self, reader: Reader, story: Story) -> None:
        self._reader = reader
        self._story = story
        self._entities: Mapping[str, Entity[Any]] = {entity.name: entity for entity in ENTITIES}
        self.head = 0
        self.versions: dict[str, int] = {}
        self.states: dict[str, Any] = {}
        self.views: dict[str, View] = {}
        self.told_at: dict[str, int] = {}
        """Time of the newest event of each stream."""
        self.appends: list[Noted] = []
        self.by_request: dict[str, list[Noted]] = {}
        self.jobs_named: dict[str, list[str]] = {}
        self.hosts: dict[str, HostBook] = {}
        self.unanswered: dict[Delivery, str] = {}
        """Commands of entities that nobody has taken yet: to whom."""
        self._taken: dict[Delivery, int] = {}
        self._placed: dict[RunKey, str] = {}
        self._stopped: dict[RunKey, None] = {}
        self._moves: dict[Delivery, int] = {}
        """Commands by which workflows change pods: the revision of the step that each belongs to."""
        self._moved_at: dict[str, int] = {}
        """By pod: the step of a workflow that changed its goal last; 0 when something else did."""
        self._ended: dict[RunKey, None] = {}
        self.tasks = TaskBook()
        self.calls = CallBook()
        self._open: list[Recorded] = []
        self._open_views: dict[str, View] = {}

    def read_on(self) -> None:
        """Take in what is new."""
        while self._reader.head() > self.head:
            for record in self._reader.page(self.head + 1, 1_000):
                self.head = record.revision
                self._take(record)

    def changes(self, selector: Selector, start: int) -> list[tuple[int, tuple[View, ...]]]:
        """Return what a watch from a revision is told: revision and views of each append."""
        found = []
        for noted in self.appends:
            if noted.revision >= start:
                views = tuple(view for view in noted.views.values() if matches(selector, view))
                if views:
                    found.append((noted.revision, views))
        return found

    def pods(self) -> list[tuple[str, PodState]]:
        """Return all pods that ever were, by stream."""
        return [(stream, state) for stream, state in self.states.items() if isinstance(state, PodState)]

    def jobs(self) -> list[tuple[str, JobState]]:
        """Return all jobs that ever were, by stream."""
        return [(stream, state) for stream, state in self.states.items() if isinstance(state, JobState)]

    def was_moved(self, stream: str, since: int) -> bool:
        """Tell whether a workflow's step after a revision gave a pod its goal, and so ended its run."""
        return self._moved_at.get(stream, 0) > since

    # ------------------------------------------------------------ what effects need

    def justify_launch(self, order: RunOrder) -> None:
        """Raise LawBroken unless the run was placed on that host."""
        self.read_on()
        if self._placed.get(RunKey(pod=order.pod, run=order.run)) != order.host:
            raise LawBroken(
                "effects follow their commit", f"{order.pod} run {order.run} is launched unplaced"
            )

    def justify_stop(self, key: RunKey) -> None:
        """Raise LawBroken unless the run was asked to end."""
        self.read_on()
        if key not in self._stopped:
            raise LawBroken("effects follow their commit", f"{key} is stopped, and nobody asked for it")

    def justify_forget(self, key: RunKey) -> None:
        """Raise LawBroken unless the run has ended."""
        self.read_on()
        if key not in self._ended:
            raise LawBroken("effects follow their commit", f"{key} is forgotten before its end is stored")

    def justify_run(self, order: TaskOrder) -> None:
        """Raise LawBroken unless the task was started and its worker has it, for the first time."""
        self.read_on()
        self.tasks.justify(order, self.states)

    def see(self, call: str, process: str) -> None:
        """Raise LawBroken unless a function may see the call now."""
        self.read_on()
        self.calls.see(call, process, self.states)

    # ------------------------------------------------------------ reading

    def _take(self, record: Recorded) -> None:
        stream = record.stream
        if record.version != self.versions.get(stream, 0) + 1:
            raise LawBroken("versions are contiguous", f"{stream} has {self.versions.get(stream)}, {record}")
        self.versions[stream] = record.version
        self.told_at[stream] = record.envelope.at
        self._open.append(record)
        entity = self._entities.get(entity_of(stream))
        if entity is not None and type(record.event) is not CommandReceived:
            self._fold(entity, record)
        if record.is_last:
            self._close()

    def _fold(self, entity: Entity[Any], record: Recorded) -> None:
        stream, event = record.stream, record.event
        before = self.states.get(stream)
        state = self.states[stream] = entity.evolve(before, stream, event)
        _check_edge(stream, before, state)
        ordinal = 0
        for effect in entity.react(state, event):
            if isinstance(effect, Send):
                sent = Delivery(stream, record.version, ordinal)
                self.unanswered[sent] = effect.to
                if isinstance(event, WorkflowAdvanced | WorkflowPlanned):
                    self._moves[sent] = record.revision
                ordinal += 1
        if isinstance(state, TaskState):
            self.tasks.fold(stream, record, state)
            self.calls.fold_task(record, state)
        if isinstance(state, WorkerState):
            self.calls.fold_worker(record, state)
        view = fold(self.views.get(stream), record)
        if view is not None and view is not self.views.get(stream):
            self.views[stream] = self._open_views[stream] = view
        match event:
            case HostRegistered():
                self.hosts[id_of(stream)] = HostBook(event.spec)
            case PodPlaced():
                self._place(id_of(stream), event, state)
            case PodGoalChanged():
                delivery = record.envelope.delivery
                self._moved_at[stream] = 0 if delivery is None else self._moves.get(delivery, 0)
            case PodStopRequested():
                self._stopped[RunKey(pod=id_of(stream), run=event.run)] = None
            case PodEnded() | PodDeleted():
                self._ended[RunKey(pod=id_of(stream), run=event.run)] = None
                for book in self.hosts.values():
                    book.held.pop(id_of(stream), None)
            case _:
                pass

    def _place(self, id: str, event: PodPlaced, state: PodState) -> None:  # noqa: A002 - the name of the thing
        self._placed[RunKey(pod=id, run=event.run)] = event.host
        book = self.hosts[event.host]
        needs = [each.resources for each in state.spec.containers]
        book.held[id] = (
            event.run,
            sum(need.cpu for need in needs),
            sum(need.memory_mb for need in needs),
            tuple(port.number for port in event.ports),
        )
        has = book.spec.capacity
        cpu = sum(held[1] for held in book.held.values())
        memory = sum(held[2] for held in book.held.values())
        ports = [port for held in book.held.values() for port in held[3]]
        if cpu > has.cpu + 1e-6 or memory > has.memory_mb + 1e-6:
            raise LawBroken(
                "no host holds more than it has", f"{event.host}: {cpu} cpu, {memory} MB of {has}"
            )
        if len(dict.fromkeys(ports)) < len(ports):
            raise LawBroken("a port is had once", f"{event.host}: {ports}")

    def _close(self) -> None:
        records, self._open = self._open, []
        views, self._open_views = dict(sorted(self._open_views.items())), {}
        envelope = records[0].envelope
        if envelope.delivery is not None:
            if envelope.delivery in self._taken:
                raise LawBroken("a command is taken once", f"{envelope.delivery} at {records[0].revision}")
            self._taken[envelope.delivery] = records[0].revision
            self.unanswered.pop(envelope.delivery, None)
        versions = {
            record.stream: self.states[record.stream].version
            for record in records
            if isinstance(self.states.get(record.stream), JobState)
        }
        self.tasks.check(records, self.states)
        self.calls.check(records)
        noted = Noted(records[0].revision, records[-1].revision, envelope.request_id, views, versions)
        self.appends.append(noted)
        if envelope.request_id:
            self.by_request.setdefault(envelope.request_id, []).append(noted)
        for record in records:
            state = self.states.get(record.stream)
            if record.version == 1 and isinstance(state, JobState):
                self.jobs_named.setdefault(state.spec.name, []).append(state.id)
        told = ", ".join(f"{record.stream} {type(record.event).__name__}" for record in records)
        self._story.tell("journal", f"{noted.revision} {told}")


def _check_edge(stream: str, before: Any, after: Any) -> None:  # noqa: ANN401 - states of any entity
    if before is None or before.phase is after.phase:
        return
    edges: Mapping[Any, tuple[Any, ...]]
    match after:
        case PodState():
            edges = POD_EDGES
        case JobState():
            edges = JOB_EDGES
        case TaskState():
            edges = TASK_EDGES
        case WorkerState():
            edges = WORKER_EDGES
        case _:
            return
    if after.phase not in edges[before.phase]:
        raise LawBroken("phases follow the table", f"{stream} goes from {before.phase} to {after.phase}")
