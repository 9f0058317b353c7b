"""Pods as the wire has them: status, summary, the whole.

1. A status is of one run. `prev_pod_id` of a first run is unset here, and ends in `-0` in events.
2. A pod that cannot be placed shows why as its reason while PENDING; else the reason is one word.
3. Health is DISABLED while a run lives, for nothing checks it, and INVALID after its end.
4. DELETED is told as a goal only: the state of a pod that is gone is the one in which its run ended.
"""

from events.pod import ContainerSpec, PodPhase
from projections.pods import ContainerPhase, ContainerView, PodView
from protocol.pb.mesos.v1 import mesos_pb2
from protocol.pb.peloton.api.v1alpha import peloton_pb2
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.peloton.translate.ids import pod_id, pod_version
from protocol.peloton.translate.states import CONTAINER_STATES, POD_GOALS, POD_STATES, REASONS, TERMINATIONS
from protocol.peloton.translate.times import nanoseconds, rfc3339

_ON_ITS_WAY = frozenset({PodPhase.LAUNCHED, PodPhase.STARTING})
_ENDED = frozenset({ContainerPhase.SUCCEEDED, ContainerPhase.FAILED, ContainerPhase.KILLED})


def spell_pod(pod: PodView, spec: pod_pb2.PodSpec | None) -> pod_pb2.PodInfo:
    """Spell a pod; without a spec when there is none to show."""
    return pod_pb2.PodInfo(spec=spec, status=spell_pod_status(pod))


def spell_pod_summary(pod: PodView) -> pod_pb2.PodSummary:
    """Spell a pod without its spec."""
    return pod_pb2.PodSummary(pod_name=peloton_pb2.PodName(value=pod.id), status=spell_pod_status(pod))


def spell_pod_status(pod: PodView) -> pod_pb2.PodStatus:
    """Spell how one run of a pod stands."""
    return pod_pb2.PodStatus(
        state=POD_STATES[pod.run_phase],
        pod_id=pod_id(pod.id, pod.run),
        start_time=rfc3339(pod.started_at),
        completion_time=rfc3339(pod.ended_at),
        host=pod.host,
        init_containers_status=spell_init_containers(pod),
        containers_status=spell_containers(pod),
        desired_state=POD_GOALS[pod.goal],
        message=pod.message,
        reason=reason_of(pod),
        failure_count=pod.failure_count,
        version=peloton_pb2.EntityVersion(value=pod_version(pod.config)),
        desired_version=peloton_pb2.EntityVersion(value=pod_version(pod.desired_config)),
        agent_id=mesos_pb2.AgentID(value=pod.host) if pod.host else None,
        revision=peloton_pb2.Revision(
            version=pod.change,
            created_at=nanoseconds(pod.created_at),
            updated_at=nanoseconds(pod.changed_at),
            updated_by=pod.changed_by,
        ),
        prev_pod_id=pod_id(pod.id, pod.run - 1) if pod.run > 1 else None,
        desired_pod_id=pod_id(pod.id, pod.desired_run),
        host_id=pod.host,
    )


def reason_of(pod: PodView) -> str:
    """Say in one word why the run ended, or in a sentence why it waits."""
    if pod.phase is PodPhase.PENDING:
        return pod.message
    return "" if pod.end_reason is None else REASONS[pod.end_reason]


def health_of(pod: PodView) -> pod_pb2.HealthState.ValueType:
    """Say whether the run is well."""
    return pod_pb2.HEALTH_STATE_INVALID if pod.run_phase.is_terminal else pod_pb2.HEALTH_STATE_DISABLED


def spell_containers(pod: PodView) -> list[pod_pb2.ContainerStatus]:
    """Spell how each container stands, in the order of the spec."""
    return _spell_all(pod, pod.spec.containers, pod.containers)


def spell_init_containers(pod: PodView) -> list[pod_pb2.ContainerStatus]:
    """Spell how each init container stands, in the order of the spec."""
    return _spell_all(pod, pod.spec.init_containers, pod.init_containers)


def _spell_all(
    pod: PodView, specs: tuple[ContainerSpec, ...], views: tuple[ContainerView, ...]
) -> list[pod_pb2.ContainerStatus]:
    known = {view.name: view for view in views}
    return [_spell(pod, spec, known.get(spec.name) or ContainerView(name=spec.name)) for spec in specs]


def _spell(pod: PodView, spec: ContainerSpec, view: ContainerView) -> pod_pb2.ContainerStatus:
    has_ended = view.phase in _ENDED
    termination = pod_pb2.TerminationStatus.TERMINATION_STATUS_REASON_INVALID
    if view.phase is ContainerPhase.FAILED:
        termination = pod_pb2.TerminationStatus.TERMINATION_STATUS_REASON_FAILED
    elif view.phase is ContainerPhase.KILLED and pod.end_reason is not None:
        termination = TERMINATIONS[pod.end_reason]
    return pod_pb2.ContainerStatus(
        name=view.name,
        state=_state_of(pod, view),
        ports={port.name: port.number for port in pod.ports if port.container == view.name},
        message=view.message,
        reason=reason_of(pod) if has_ended and view.phase is not ContainerPhase.SUCCEEDED else "",
        failure_count=pod.failure_count,
        healthy=pod_pb2.HealthStatus(state=health_of(pod)),
        image=spec.image,
        start_time=rfc3339(view.started_at),
        completion_time=rfc3339(view.ended_at),
        terminationStatus=(
            pod_pb2.TerminationStatus(reason=termination, exit_code=view.exit_code, signal=view.signal)
            if has_ended
            else None
        ),
    )


def _state_of(pod: PodView, view: ContainerView) -> pod_pb2.ContainerState.ValueType:
    """Say where a container stands: the pod knows more of those that it has not started, or is ending."""
    match view.phase:
        case ContainerPhase.PENDING if pod.phase in _ON_ITS_WAY:
            return pod_pb2.CONTAINER_STATE_LAUNCHED
        case ContainerPhase.PENDING if pod.run_phase is PodPhase.KILLED:
            return pod_pb2.CONTAINER_STATE_KILLED
        case ContainerPhase.PENDING if pod.run_phase.is_terminal:
            return pod_pb2.CONTAINER_STATE_FAILED
        case ContainerPhase.RUNNING if pod.phase is PodPhase.KILLING:
            return pod_pb2.CONTAINER_STATE_KILLING
        case phase:
            return CONTAINER_STATES[phase]
