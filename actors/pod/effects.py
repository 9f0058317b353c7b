"""The effects of a pod, filled in from its state.

1. Each may be carried out twice without harm.
"""

from actors.job.commands import ReportPod
from actors.kernel.decider import ArmTimer, Send
from actors.pod.commands import BeginNextRun, LaunchRun, ObserveRun, StopRun
from actors.pod.state import PodState


def tell(state: PodState) -> tuple[Send, ...]:
    """Report the pod to its owner, if it has one."""
    if not state.owner:
        return ()
    report = ReportPod(
        instance=state.instance,
        run=state.run,
        phase=state.phase,
        goal=state.goal,
        config=state.config,
        failure_count=state.failure_count,
        desired_config=0 if state.desired_config == state.config else state.desired_config,
    )
    return (Send(state.owner, report),)


def launch(state: PodState) -> LaunchRun:
    """Hand the run to its host."""
    return LaunchRun(run=state.run, host=state.host, spec=state.spec, ports=state.ports)


def stop(state: PodState) -> StopRun:
    """Have the host end the run."""
    return StopRun(run=state.run, host=state.host, grace_s=state.spec.kill_grace_s)


def observe(state: PodState) -> ObserveRun:
    """Have the host repeat what it knows of the run."""
    return ObserveRun(run=state.run, host=state.host, spec=state.spec, ports=state.ports)


def timer(state: PodState) -> tuple[ArmTimer, ...]:
    """Arm the restart, if one is due."""
    if state.restart_at == 0:
        return ()
    return (ArmTimer("restart", state.restart_at, BeginNextRun(run=state.run)),)
