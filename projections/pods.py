"""What is known of a pod: its current run, as a fold of the pod's own events.

1. A view is frozen; a fold answers a new one. Views are shared between readers.
2. One view is the fold of one stream; earlier runs are read from that stream, not kept here.
3. Times are microseconds since the epoch, UTC; 0 means not yet.
4. The phases are those of the pod's own machine; an event that it would not meet changes none.
5. A deleted pod's last view has the phase `deleted`, and says how its run stood by then; a pod created
   again is a new view.
"""

from sys import intern
from typing import assert_never, cast

from events.frozen import frozen, replace
from events.goal import Goal
from events.pod import (
    ContainerSpec,
    EndReason,
    PodContainerExited,
    PodContainerStarted,
    PodCreated,
    PodDeleted,
    PodEnded,
    PodEvent,
    PodGoalChanged,
    PodLaunched,
    PodLaunching,
    PodPhase,
    PodPlaced,
    PodQueued,
    PodReconfigured,
    PodRunForgotten,
    PodRunning,
    PodRunStarted,
    PodSpec,
    PodStarting,
    PodStopRequested,
    Port,
)
from events.receipt import CommandReceived
from events.record import Recorded, id_of
from events.word import Word
from projections.stamp import OutOfPlace, Stamp, stamp, text_of


class ContainerPhase(Word):
    """Where one container of the current run stands."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    KILLED = "killed"
    """Ended after the pod was asked to end it."""


@frozen
class ContainerView:
    """One container of the current run."""

    name: str
    phase: ContainerPhase = ContainerPhase.PENDING
    process: int = 0
    started_at: int = 0
    ended_at: int = 0
    exit_code: int = 0
    signal: str = ""
    message: str = ""


@frozen
class PodView:
    """A pod as it is now, or was at a revision."""

    id: str
    owner: str
    """Stream of the owner, empty for none."""
    instance: int
    name: str
    """The owner's name."""
    spec: PodSpec
    config: int
    desired_config: int
    goal: Goal
    run: int
    desired_run: int
    first_run: int
    """The first run of this pod since it was last created."""
    phase: PodPhase
    host: str = ""
    ports: tuple[Port, ...] = ()
    containers: tuple[ContainerView, ...] = ()
    """In the order of the spec; empty until something is known of one."""
    init_containers: tuple[ContainerView, ...] = ()
    created_at: int = 0
    run_at: int = 0
    """When the current run came to be."""
    started_at: int = 0
    """When all containers of the run had been started."""
    ended_at: int = 0
    message: str = ""
    """For people: why it waits, how it ended, when it will be tried again."""
    end_reason: EndReason | None = None
    """Why the run was asked to end, or how it did."""
    failure_count: int = 0
    restart_at: int = 0
    change: int = 0
    """How many events this view has seen."""
    revision: int = 0
    """Revision of the last of them."""
    changed_at: int = 0
    changed_by: str = ""
    stood: PodPhase | None = None
    """Where the run of a deleted pod stood at last, None while the pod is there."""

    @property
    def run_phase(self) -> PodPhase:
        """Where the current run stands; that the pod is deleted is no phase of a run."""
        return self.stood or self.phase


def fold(view: PodView | None, recorded: Recorded) -> PodView | None:
    """Return the pod after an event; the same object when the event changes nothing that is seen."""
    event = cast("PodEvent | CommandReceived", recorded.event)
    if isinstance(event, CommandReceived):
        return view
    if isinstance(event, PodCreated):
        return _created(event, recorded)
    if view is None:
        if isinstance(event, PodRunForgotten):
            return None  # its runs are forgotten after it, and nobody sees that any more
        raise OutOfPlace(recorded)
    seen, at, phase = stamp(view.change, recorded), recorded.envelope.at, view.phase
    match event:
        case PodQueued():
            return replace(view, phase=PodPhase.PENDING, message=event.reason, **seen)
        case PodPlaced():
            return replace(
                view, phase=PodPhase.PLACED, host=intern(event.host), ports=event.ports, message="", **seen
            )
        case PodLaunching():
            return replace(view, phase=PodPhase.LAUNCHING, **seen)
        case PodLaunched():
            return replace(view, phase=PodPhase.LAUNCHED, **seen)
        case PodStarting():
            return replace(view, phase=PodPhase.STARTING, **seen)
        case PodContainerStarted() | PodContainerExited():
            return _container_changed(view, event, seen)
        case PodRunning():
            return replace(view, phase=PodPhase.RUNNING, started_at=at, **seen)
        case PodGoalChanged():
            if event.goal is Goal.RUNNING:
                return replace(view, goal=event.goal, desired_run=event.desired_run, **seen)
            message = view.message.removeprefix(_throttled(view.failure_count, view.restart_at)).lstrip()
            desired = event.desired_run
            return replace(view, goal=event.goal, desired_run=desired, restart_at=0, message=message, **seen)
        case PodStopRequested():
            had_processes = phase in (PodPhase.STARTING, PodPhase.RUNNING)
            after = PodPhase.KILLING if had_processes else phase
            return replace(view, phase=after, end_reason=event.reason, **seen)
        case PodEnded():
            return _ended(view, event, at, seen)
        case PodRunStarted():
            return _begun_again(view, event, at, seen)
        case PodReconfigured():
            if event.is_applied:
                spec, config = _applied(view.spec, event.spec), event.config
                return replace(view, config=config, spec=spec, desired_config=config, **seen)
            return replace(view, desired_config=event.config, **seen)
        case PodRunForgotten():
            return view if phase is PodPhase.DELETED else replace(view, **seen)
        case PodDeleted():
            stood, gone = view.run_phase, PodPhase.DELETED
            return replace(view, phase=gone, stood=stood, goal=Goal.DELETED, restart_at=0, **seen)
        case _:
            assert_never(event)


def _applied(running: PodSpec, spec: PodSpec) -> PodSpec:
    """Return another spec for a run that goes on: its containers keep the names they began with."""
    before, after = _names(running), _names(spec)
    if before == after or len(before) != len(after):
        return spec
    return replace(spec, containers=running.containers, init_containers=running.init_containers)


def _names(spec: PodSpec) -> list[str]:
    return [each.name for each in (*spec.init_containers, *spec.containers)]


def _created(event: PodCreated, recorded: Recorded) -> PodView:
    envelope = recorded.envelope
    at = envelope.at
    return PodView(  # the stamp as words takes half the time
        id=id_of(recorded.stream),
        owner=event.owner,
        instance=event.instance,
        name=intern(event.name),
        spec=event.spec,
        config=event.config,
        desired_config=event.config,
        goal=event.goal,
        run=event.run,
        desired_run=event.run,
        first_run=event.run,
        phase=PodPhase.INITIALIZED if event.goal is Goal.RUNNING else PodPhase.KILLED,
        created_at=at,
        run_at=at,
        change=1,
        revision=recorded.revision,
        changed_at=at,
        changed_by=envelope.principal,
    )


def _begun_again(view: PodView, event: PodRunStarted, at: int, seen: Stamp) -> PodView:
    return replace(
        view,
        spec=event.spec,
        config=event.config,
        desired_config=event.config,
        run=event.run,
        desired_run=event.run,
        phase=PodPhase.INITIALIZED,
        host="",
        ports=(),
        containers=(),
        init_containers=(),
        run_at=at,
        started_at=0,
        ended_at=0,
        message="",
        end_reason=None,
        failure_count=event.failure_count,
        restart_at=0,
        **seen,
    )


def _ended(view: PodView, event: PodEnded, at: int, seen: Stamp) -> PodView:
    return replace(
        view,
        phase=event.phase,
        end_reason=event.reason,
        message=_message_of(event, at),
        failure_count=event.failure_count,
        restart_at=event.restart_at,
        ended_at=at,
        containers=_all_ended(view.containers, event.phase, at),
        init_containers=_all_ended(view.init_containers, event.phase, at),
        **seen,
    )


def _message_of(event: PodEnded, at: int) -> str:
    """Say until when the next run is held back, and how this one ended."""
    if event.restart_at <= at:
        return event.message
    return f"{_throttled(event.failure_count, event.restart_at)} {event.message}".rstrip()


def _throttled(failure_count: int, restart_at: int) -> str:
    failures = f"{failure_count} failure{'' if failure_count == 1 else 's'}"
    return f"Throttled: restarts at {text_of(restart_at)} after {failures}."


# ---------------------------------------------------------------- containers


def _container_changed(
    view: PodView, event: PodContainerStarted | PodContainerExited, seen: Stamp
) -> PodView:
    is_killing = view.phase in (PodPhase.KILLING, PodPhase.PREEMPTING)
    phase, spec, before = view.phase, view.spec, view.init_containers
    if isinstance(event, PodContainerStarted) and phase is PodPhase.LAUNCHED:
        phase = PodPhase.STARTING
    containers = _changed(view.containers, spec.containers, event, is_killing=is_killing)
    if spec.init_containers:
        before = _changed(before, spec.init_containers, event, is_killing=is_killing)
    return replace(view, phase=phase, containers=containers, init_containers=before, **seen)


def _changed(
    known: tuple[ContainerView, ...],
    specs: tuple[ContainerSpec, ...],
    event: PodContainerStarted | PodContainerExited,
    *,
    is_killing: bool,
) -> tuple[ContainerView, ...]:
    """Return the containers with what one of them told; untouched when it is none of them."""
    told = event.container
    before = known or tuple([ContainerView(name=spec.name) for spec in specs])
    for place, container in enumerate(before):
        if container.name == told:
            after = _told(container, event, is_killing=is_killing)
            return (*before[:place], after, *before[place + 1 :])
    return known


def _told(
    container: ContainerView, event: PodContainerStarted | PodContainerExited, *, is_killing: bool
) -> ContainerView:
    match event:
        case PodContainerStarted():
            return replace(
                container, phase=ContainerPhase.RUNNING, process=event.process, started_at=event.at
            )
        case PodContainerExited():
            has_failed = bool(event.exit_code or event.signal or event.message)
            phase = ContainerPhase.FAILED if has_failed else ContainerPhase.SUCCEEDED
            return replace(
                container,
                phase=ContainerPhase.KILLED if is_killing else phase,
                exit_code=event.exit_code,
                signal=event.signal,
                message=event.message,
                ended_at=event.at,
            )
        case _:
            assert_never(event)


def _all_ended(containers: tuple[ContainerView, ...], phase: PodPhase, at: int) -> tuple[ContainerView, ...]:
    """Return the containers without running ones: the run is over, whatever each of them told."""
    if all(container.phase is not ContainerPhase.RUNNING for container in containers):
        return containers
    last = ContainerPhase.KILLED if phase is PodPhase.KILLED else ContainerPhase.FAILED
    return tuple(
        replace(container, phase=last, ended_at=at)
        if container.phase is ContainerPhase.RUNNING
        else container
        for container in containers
    )
