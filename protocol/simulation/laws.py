"""What must hold when everything has come to rest: nobody knows anything but what the journal says.

1. "At rest" is: no faults any more, time stands still, and nothing can be done unless it passes.
2. What memory, tables, actors, the placer and the hosts hold is compared with the books.
3. Every goal is reached, or what it waits for can be named: a pause before a restart, room on a host,
   the time that a start takes.
4. Time goes on across a restart: a workflow that waited for room takes its next step when there is
   some. Only what such a step, taken after the restart, asked of a pod may be otherwise than before.
"""

from collections.abc import Mapping
from typing import TypeVar

from actors.effects.engines.engine import RunKey
from actors.effects.slots.house import KIND
from actors.effects.slots.place import PREFIX
from actors.host.fit import fit
from actors.host.units import units
from actors.job.state import JobState
from actors.pod.state import LIVE, UNPLACED, PodState
from actors.task.state import TaskState
from actors.worker.state import WorkerState
from events.capacity import Resources
from events.goal import Goal
from events.job import JobPhase
from events.pod import PodPhase
from events.record import id_of
from events.task import TaskPhase
from events.worker import WorkerPhase
from projections.jobs import JobView
from projections.listing import TableReader
from projections.pods import PodView
from projections.queries import JobQuery, PodQuery
from projections.rows import stored_form
from projections.tasks import TaskView
from projections.view import is_gone, is_over
from protocol.simulation.books import Books
from protocol.simulation.hosts import Machine
from protocol.simulation.server import SimulatedPlane
from protocol.simulation.story import LawBroken

V = TypeVar("V")

PATIENCE = 30_000_000
"""Microseconds that a start, a stop or a due restart may take."""


def check_rest(books: Books, plane: SimulatedPlane, machine: Machine, now: int) -> None:
    """Raise LawBroken unless all laws hold."""
    books.read_on()
    if books.unanswered:
        delivery, to = next(iter(books.unanswered.items()))
        raise LawBroken("nothing sent is lost", f"{delivery} never reached {to}")
    check_views(books, plane)
    check_tables(books, plane)
    check_actors(books, plane)
    check_ledger(books, plane)
    check_tasks(books, plane, now)
    check_slots(books, plane, now)
    for stream, pod in books.pods():
        check_pod(stream, pod, plane, now - books.told_at[stream], now)
    for stream, job in books.jobs():
        check_job(stream, job, books)
    check_hosts(books, machine)


Settled = Mapping[str, tuple[Goal, int]]
"""By pod: its goal, and its run when that runs until it is stopped; else 0."""


def settled(books: Books) -> Settled:
    """Return what a restart must leave as it is; session pods end with their server."""
    return {
        stream: (pod.goal, pod.run if _is_steady(pod) else 0)
        for stream, pod in books.pods()
        if pod.spec.survives_server
    }


def check_restart(books: Books, before: Settled, since: int) -> None:
    """Raise LawBroken unless goals and runs are as before, but for pods that a workflow has moved since."""
    after = settled(books)
    for stream, (goal, run) in before.items():
        is_changed = after[stream][0] is not goal or (run != 0 and after[stream][1] != run)
        if is_changed and not books.was_moved(stream, since):
            raise LawBroken("a restart changes nothing", f"{stream}: {goal}, {run}; {after[stream]}")


def _is_steady(pod: PodState) -> bool:
    return pod.phase is PodPhase.RUNNING and not any(key == "simulate.run_s" for key, _ in pod.spec.labels)


def check_views(books: Books, plane: SimulatedPlane) -> None:
    """Hot views are what a rebuild would make them."""
    if plane.revision != books.head:
        raise LawBroken("views are at the head", f"{plane.revision} of {books.head}")
    for stream, view in books.views.items():
        found = plane.hot.find(stream)
        if is_gone(view):
            if found is not None:
                raise LawBroken("what is deleted is not seen", stream)
        elif found is None or (plane.hot.get(stream) is not None and found != view):
            raise LawBroken("a rebuilt view equals the live one", f"{stream}: {found} and {view}")
        elif not is_over(view) and plane.hot.get(stream) is None:
            raise LawBroken("what is live is in memory", stream)


def check_tables(books: Books, plane: SimulatedPlane) -> None:
    """Tables have each entity once, as it is."""
    reader = TableReader(plane.tables)
    try:
        jobs = reader.jobs(JobQuery(limit=1_000, count_limit=0))
        pods = reader.pods(PodQuery(limit=1_000))
        tasks = {view.id: reader.task(view.id) for view in books.views.values() if isinstance(view, TaskView)}
    finally:
        reader.close()
    there = [view for view in books.views.values() if not is_gone(view)]
    job_rows = {view.id: stored_form(view) for view in there if isinstance(view, JobView)}
    pod_rows = {view.id: view for view in there if isinstance(view, PodView)}
    _equal("tables have what is", {job.id: job for job in jobs.rows}, job_rows)
    _equal("tables have what is", {pod.id: pod for pod in pods.rows}, pod_rows)
    for view in books.views.values():
        is_stored = is_over(view) and not is_gone(view)
        if isinstance(view, TaskView) and tasks[view.id] != (view if is_stored else None):
            raise LawBroken("tables have what is", f"{view.id}: {tasks[view.id]} for {view}")
    if (jobs.total, pods.total) != (len(job_rows), len(pod_rows)):
        raise LawBroken("tables count what is", f"{jobs.total} and {pods.total}")


def _equal(law: str, found: dict[str, V], wanted: dict[str, V]) -> None:
    for key in sorted(found.keys() | wanted.keys()):
        if found.get(key) != wanted.get(key):
            raise LawBroken(law, f"{key}: {found.get(key)} for {wanted.get(key)}")


def check_actors(books: Books, plane: SimulatedPlane) -> None:
    """An actor's state is the fold of its stream."""
    kernel = plane.kernel
    for actor in kernel.directory.residents():
        version = books.versions.get(actor.stream, 0)
        if not actor.is_loaded or (actor.version, actor.committed) != (version, version):
            raise LawBroken(
                "an actor is at its stream's end",
                f"{actor.stream}: {actor.version}, {actor.committed} of {version}",
            )
        if actor.state != books.states.get(actor.stream):
            raise LawBroken("a state is the fold of its stream", f"{actor.stream}: {actor.state}")
    if kernel.commits.waiting or kernel.post.waiting:
        raise LawBroken(
            "all is answered", f"{kernel.commits.waiting} appends, {kernel.post.waiting} commands"
        )


def check_ledger(books: Books, plane: SimulatedPlane) -> None:
    """The placer's books agree with the journal."""
    for room in plane.ledger.rooms():
        held = books.hosts[room.host].held.values()
        has = books.hosts[room.host].spec.capacity
        left = has.memory_mb - sum(each[2] for each in held)
        ports = sorted(port for each in held for port in each[3])
        if room.free.memory != units(Resources(memory_mb=left)).memory:
            raise LawBroken("the placer counts as the journal", f"{room.host}: {room.free} for {left} MB")
        if [port for port in range(room.ports[0], room.ports[1] + 1) if port in room.used_ports] != ports:
            raise LawBroken("the placer counts as the journal", f"{room.host}: ports, not {ports}")


def check_tasks(books: Books, plane: SimulatedPlane, now: int) -> None:
    """Who waits has somebody before it; what runs is within its limit; what left its worker ends."""
    for worker, queue in books.tasks.queues.items():
        place = plane.task_ledger.places.get(worker)
        if list(place.queue if place is not None else ()) != list(queue):
            raise LawBroken("the dispatcher counts as the journal", f"{worker}: {place}, not {list(queue)}")
        has: WorkerState = books.states[worker]
        if queue and not has.task:
            raise LawBroken("who waits is started", f"{worker} is {has.phase}, and {list(queue)} wait")
    for stream, task in books.states.items():
        if not isinstance(task, TaskState):
            continue
        age = now - books.told_at[stream]
        is_late = task.phase is TaskPhase.RUNNING and age > task.limit_us + PATIENCE
        if is_late or (task.phase is TaskPhase.POST_PROCESSING and age > PATIENCE):
            raise LawBroken("tasks come to an end", f"{stream} is {task.phase.value} for {age / 1e6:.0f} s")
        is_kept = task.phase.is_terminal and task.phase is not TaskPhase.DELETED
        if is_kept and now > task.ended_at + task.keep_us + PATIENCE:
            raise LawBroken("nothing is kept longer than asked", f"{stream}: {task}")


def check_slots(books: Books, plane: SimulatedPlane, now: int) -> None:
    """No call is under way, slots are those of this server, and nothing is left of others."""
    if books.calls.open:
        raise LawBroken("calls come to an end", f"{books.calls.open} are under way")
    for slot, until in books.calls.idle.items():
        if now > until + PATIENCE:
            raise LawBroken("idle slots end in time", f"{slot} should have ended {now - until} µs ago")
    seats = plane.seats
    live = {
        id_of(stream)
        for stream, worker in books.states.items()
        if isinstance(worker, WorkerState)
        and worker.spec.kind == KIND
        and worker.phase is not WorkerPhase.DEAD
    }
    if live != seats.keys():
        raise LawBroken("slots end with their server", f"{sorted(live ^ seats.keys())}")
    for stream, pod in books.pods():
        is_over = pod.phase not in LIVE and pod.phase not in UNPLACED
        if not pod.spec.survives_server and not is_over and id_of(stream) not in plane.pods_of_slots:
            raise LawBroken("session pods end with their server", f"{stream} is {pod.phase.value}")
    places = [path for place in plane.data.path.glob(f"{PREFIX}*") for path in place.iterdir()]
    stray = sorted(str(path) for path in {*places} - {seat.directory for seat in seats.values()})
    if stray:
        raise LawBroken("nothing is left of slots", f"{stray}")
    for seat in seats.values():
        if seat.end and not seat.is_leaving:
            raise LawBroken("who is kept warm is alive", f"{seat.slot}: {seat.end}")
    slots = plane.slots
    kept = {seat.key for seat in seats.values()}
    if slots._waiting or slots._book.waiting or slots._wants.keys() - kept:  # noqa: SLF001 - its tables
        raise LawBroken("what is gone is forgotten", f"{slots._waiting}, {slots._wants.keys() - kept}")  # noqa: SLF001
    for worker in plane.task_ledger.places:
        if books.states[worker].phase is WorkerPhase.DEAD:
            raise LawBroken("what is gone is forgotten", f"the dispatcher knows {worker}")


def check_pod(stream: str, pod: PodState, plane: SimulatedPlane, age: int, now: int) -> None:
    """A pod is where it is wanted, or on its way and not for long."""
    phase, is_late = pod.phase, age > PATIENCE
    if phase is PodPhase.DELETED:
        return
    if phase in UNPLACED and pod.goal is Goal.RUNNING:
        found = fit(pod.spec, plane.ledger.rooms())
        if not isinstance(found, str):
            raise LawBroken("who fits is placed", f"{stream} would fit on {found.host}")
    elif phase is PodPhase.RUNNING:
        if pod.goal is not Goal.RUNNING or pod.desired_run != pod.run:
            raise LawBroken("goals are reached", f"{stream} runs and is not wanted: {pod}")
    elif phase in LIVE or phase in UNPLACED:
        if is_late:
            raise LawBroken("goals are reached", f"{stream} is {phase.value} for {age / 1e6:.0f} s: {pod}")
    elif pod.goal is Goal.DELETED:
        raise LawBroken("goals are reached", f"{stream} is over and not deleted: {pod}")
    elif pod.goal is Goal.RUNNING and (not pod.restart_at or now - pod.restart_at > PATIENCE):
        raise LawBroken("goals are reached", f"{stream} is over, wanted and not due: {pod}")


def check_job(stream: str, job: JobState, books: Books) -> None:
    """A job knows its pods, and has the phase that follows from them."""
    if job.phase is JobPhase.DELETED:
        return
    for instance, known in job.pods.items():
        pod = books.states[job.pod_stream(instance)]
        told = (PodPhase.INITIALIZED, *_UNTOLD) if pod.phase in _UNTOLD else (pod.phase,)
        if (known.run, known.config) != (pod.run, pod.config) or known.phase not in told:
            raise LawBroken("a job knows its pods", f"{stream}: {instance} is {pod}, known as {known}")
    if job.goal is Goal.DELETED and all(_is_gone(books, job, instance) for instance in job.pods):
        raise LawBroken("goals are reached", f"{stream} has no pods and is not deleted")


_UNTOLD = (PodPhase.PENDING, PodPhase.PLACED, PodPhase.LAUNCHING, PodPhase.LAUNCHED, PodPhase.STARTING)
"""Phases into which a pod goes without telling its owner."""


def _is_gone(books: Books, job: JobState, instance: int) -> bool:
    pod: PodState = books.states[job.pod_stream(instance)]
    return pod.phase is PodPhase.DELETED


def check_hosts(books: Books, machine: Machine) -> None:
    """What runs on hosts is what the journal says runs there."""
    wanted: dict[str, list[RunKey]] = {name: [] for name in machine.hosts}
    for stream, pod in books.pods():
        if pod.phase in LIVE and pod.host in wanted:
            wanted[pod.host].append(RunKey(pod=id_of(stream), run=pod.run))
    for name, host in machine.hosts.items():
        stray = [key for key in host.live if key not in wanted[name]]
        missing = [key for key in wanted[name] if key not in host.live]
        if stray or missing:
            raise LawBroken("what runs is what is stored", f"{name} runs {stray} and lacks {missing}")
