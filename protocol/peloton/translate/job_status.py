"""Jobs as the wire has them: status, summary, the whole.

1. Counts name every pod state, also those that no pod is in: a reader need not ask whether a key
   is there.
2. A summary is sent at every change of a job to every watcher: its size and cost do not depend on
   the number of pods.
"""

from collections import defaultdict

from events.job import JobSpec
from projections.jobs import JobView
from protocol.pb.peloton.api.v1alpha import peloton_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.peloton.translate.ids import job_id, pod_version
from protocol.peloton.translate.states import JOB_GOALS, JOB_STATES, POD_STATE_NAMES
from protocol.peloton.translate.stored_spec import StoredSpecs
from protocol.peloton.translate.times import nanoseconds, rfc3339
from protocol.peloton.translate.workflow import spell_workflow, spell_workflow_status

NAMED_IN_SUMMARIES = 1000
"""Instances in flight that a summary names; GetJob without summary_only names them all."""

_NO_PODS = dict.fromkeys(POD_STATE_NAMES.values(), 0)


def spell_job(job: JobView, specs: StoredSpecs) -> stateless_pb2.JobInfo:
    """Spell a job whole."""
    return stateless_pb2.JobInfo(
        job_id=job_id(job.id),
        spec=spell_spec(job.spec, job.config, specs, job),
        status=spell_job_status(job),
    )


def spell_spec(
    spec: JobSpec, config: int, specs: StoredSpecs, job: JobView | None = None
) -> stateless_pb2.JobSpec:
    """Spell a job's spec as its client sent it, with the number of its configuration."""
    spelled = stateless_pb2.JobSpec()
    spelled.CopyFrom(specs.of(spec))
    spelled.revision.version = config
    if job is not None:
        spelled.revision.created_at = nanoseconds(job.created_at)
        spelled.revision.updated_at = nanoseconds(_configured_at(job))
        spelled.revision.updated_by = job.created_by
    return spelled


def spell_job_summary(job: JobView, specs: StoredSpecs) -> stateless_pb2.JobSummary:
    """Spell a job without its pods' specs."""
    spec = specs.of(job.spec)
    return stateless_pb2.JobSummary(
        job_id=job_id(job.id),
        name=job.spec.name,
        owner=job.spec.owner,
        owning_team=spec.owning_team,
        labels=spec.labels,
        instance_count=job.spec.instance_count,
        respool_id=peloton_pb2.ResourcePoolID(value=job.spec.pool),
        status=spell_job_status(job, named=NAMED_IN_SUMMARIES),
        sla=spec.sla if spec.HasField("sla") else None,
    )


def spell_job_status(job: JobView, *, named: int | None = None) -> stateless_pb2.JobStatus:
    """Spell how a job stands; `named` bounds the instances in flight that are listed."""
    by_config = _counts(job)
    totals = dict(_NO_PODS)
    for states in by_config.values():
        for state, number in states.items():
            totals[state] += number
    return stateless_pb2.JobStatus(
        revision=peloton_pb2.Revision(
            version=job.change,
            created_at=nanoseconds(job.created_at),
            updated_at=nanoseconds(job.changed_at),
            updated_by=job.changed_by,
        ),
        state=JOB_STATES[job.phase],
        creation_time=rfc3339(job.created_at),
        pod_stats=totals,
        desired_state=JOB_GOALS[job.goal],
        version=peloton_pb2.EntityVersion(value=job.version),
        workflow_status=(
            spell_workflow_status(job.workflows[-1], job, named=named) if job.workflows else None
        ),
        pod_configuration_version_stats={
            version: sum(states.values()) for version, states in by_config.items()
        },
        pod_stats_by_configuration_version={
            version: stateless_pb2.JobStatus.PodStateStats(state_stats=states)
            for version, states in by_config.items()
        },
    )


def spell_cached_status(job: JobView) -> stateless_pb2.JobStatus:
    """Spell how a job stands in memory: there, versions of a workflow are those of pods."""
    status = spell_job_status(job)
    if job.workflows:
        status.workflow_status.version.value = pod_version(job.workflows[-1].config)
        status.workflow_status.prev_version.value = pod_version(job.workflows[-1].previous_config)
    return status


def spell_current_workflow(job: JobView) -> stateless_pb2.WorkflowInfo | None:
    """Spell the workflow that is under way, or the last there was."""
    return spell_workflow(job.workflows[-1], job) if job.workflows else None


def _counts(job: JobView) -> dict[str, dict[str, int]]:
    """Count pods by version and state; only what there is."""
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for (config, phase), number in job.counts.items():
        counts[pod_version(config)][POD_STATE_NAMES[phase]] = number
    return counts


def _configured_at(job: JobView) -> int:
    """Say when the current configuration came to be."""
    return next((it.created_at for it in job.workflows if it.config == job.config), job.created_at)
