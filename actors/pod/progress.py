"""What the starts and exits of containers mean for their run, and how it ended.

1. A stop that somebody asked for makes the end `killed`, however the containers took it.
2. Else exits speak before the engine: a run whose exits are all known is not lost.
3. The pause before restart k is the smaller of first pause * 2^(k-1) and longest pause.
"""

from actors.pod.commands import RecordRunEnded
from actors.pod.state import PodState
from events.pod import (
    EndReason,
    PodContainerExited,
    PodEnded,
    PodEvent,
    PodPhase,
    PodRunning,
    PodSpec,
    PodStopRequested,
    Restart,
)

_DOUBLINGS = 64
"""Beyond this any pause is the longest one; bounds the power, not the pause."""


def has_failed(end: PodContainerExited) -> bool:
    """Return whether a container ended otherwise than by itself with exit code 0."""
    return end.exit_code != 0 or end.signal != "" or end.message != ""


def is_news(state: PodState, container: str) -> bool:
    """Return whether the run has this container and its end is not known."""
    names = {each.name for each in (*state.spec.init_containers, *state.spec.containers)}
    return container in names and state.exit_of(container) is None


def progress_of(state: PodState) -> tuple[PodEvent, ...]:
    """Return what the containers' starts and exits mean for the run."""
    if state.phase is PodPhase.KILLING:
        return ()
    if state.stop_reason is not None:  # asked to end before it started: now there is something to end
        return (PodStopRequested(run=state.run, reason=state.stop_reason),)
    names = [each.name for each in state.spec.containers]
    exits = [state.exit_of(name) for name in names]
    if None not in exits:
        return ()
    if any(end is not None and has_failed(end) for end in exits):
        return (PodStopRequested(run=state.run, reason=EndReason.FAILED),)
    begun = all(name in state.started or state.exit_of(name) is not None for name in names)
    return (PodRunning(run=state.run),) if begun and state.phase is PodPhase.STARTING else ()


def end_of(state: PodState, report: RecordRunEnded, *, now: int) -> PodEnded:
    """Return the end of the current run and when the next one is due."""
    if state.stop_reason is not None and state.stop_reason is not EndReason.FAILED:
        return PodEnded(
            run=state.run,
            phase=PodPhase.KILLED,
            reason=state.stop_reason,
            message=report.message,
            failure_count=state.failure_count,
        )
    phase, reason, message = _by_itself(state, report)
    failure_count = state.failure_count + 1
    is_final = state.spec.restart is Restart.NEVER
    return PodEnded(
        run=state.run,
        phase=phase,
        reason=reason,
        message=message,
        failure_count=failure_count,
        restart_at=0 if is_final else now + _pause(state.spec, failure_count),
    )


def _by_itself(state: PodState, report: RecordRunEnded) -> tuple[PodPhase, EndReason, str]:
    """Return how a run ended that nobody asked to end."""
    failed = next((end for end in state.exits if has_failed(end)), None)
    if failed is not None:
        return PodPhase.FAILED, EndReason.FAILED, _sentence(failed)
    missing = [each.name for each in state.spec.containers if state.exit_of(each.name) is None]
    if not missing:
        return PodPhase.SUCCEEDED, EndReason.EXITED, report.message
    if report.is_lost:
        return PodPhase.LOST, EndReason.LOST, report.message
    return PodPhase.FAILED, EndReason.FAILED, report.message or f"no exit of container {missing[0]} was told"


def _sentence(end: PodContainerExited) -> str:
    """Return what became of a failed container, for people."""
    if end.message:
        return f"container {end.container} could not be started: {end.message}"
    if end.signal:
        return f"container {end.container} was ended by signal {end.signal}"
    return f"container {end.container} exited with code {end.exit_code}"


def _pause(spec: PodSpec, failure_count: int) -> int:
    """Return the time before the next run in microseconds; at least one, for 0 means no run."""
    doubled: float = spec.backoff_s * 2.0 ** min(failure_count - 1, _DOUBLINGS)
    return max(1, round(min(doubled, spec.backoff_max_s) * 1_000_000))
