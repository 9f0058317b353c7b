"""What is true of an entity, said in the same way of an actor's state and of a view.

1. Only what clients are told; how it is remembered does not count. What a view counts in another
   way, it is not asked for.
2. Facts are plain values. A fact may be added; one that there is keeps its name and meaning,
   because recorded histories hold them.
"""

from actors.catalog.state import CatalogState
from actors.host.state import HostState
from actors.job.state import JobState
from actors.pod.state import PodState
from actors.task.state import TaskState
from actors.worker.state import WorkerState
from projections.hosts import HostView
from projections.jobs import JobView
from projections.pods import PodView
from projections.tasks import TaskView
from projections.workers import WorkerView
from protocol.trees import Tree

Facts = dict[str, Tree]


def facts_of(known: object) -> Facts:
    """Return the facts of a state or a view; none of anything else."""
    match known:
        case JobState() | JobView():
            return _job(known)
        case PodState() | PodView():
            return _pod(known)
        case HostState() | HostView():
            return {"phase": known.phase.value, "goal": known.goal.value, "reason": known.reason}
        case TaskState() | TaskView():
            return {
                "phase": known.phase.value,
                "worker": known.worker,
                "principal": known.principal,
                "held_us": known.held_us,
                "started_at": known.started_at,
                "ended_at": known.ended_at,
                "message": known.message,
            }
        case WorkerState() | WorkerView():
            return {"phase": known.phase.value, "task": known.task, "pod": known.pod, "reason": known.reason}
        case CatalogState():
            return {
                "phase": known.phase.value,
                "kind": known.kind,
                "name": known.name,
                "number": known.number,
            }
        case _:
            return {}


def _job(job: JobState | JobView) -> Facts:
    facts: Facts = {
        "phase": job.phase.value,
        "goal": job.goal.value,
        "config": job.config,
        "version": job.version,
    }
    if isinstance(job, JobState):
        facts["counts"] = {phase.value: count for phase, count in sorted(job.counts.items()) if count}
    return facts


def _pod(pod: PodState | PodView) -> Facts:
    return {
        "owner": pod.owner,
        "instance": pod.instance,
        "phase": pod.phase.value,
        "goal": pod.goal.value,
        "run": pod.run,
        "desired_run": pod.desired_run,
        "config": pod.config,
        "desired_config": pod.desired_config,
        "host": pod.host,
        "failure_count": pod.failure_count,
        "restart_at": pod.restart_at,
    }
