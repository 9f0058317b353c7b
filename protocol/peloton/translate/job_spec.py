"""A job's spec as the kernel's, and the request to create it as a command.

1. Checks come in the original's order: resource pool, job, pods, secrets. A job that is there keeps
   its pool, and that it does is for the kernel to see: no other pool is looked for.
2. The spec as given goes along as an attachment, without its revision and with retries cut to 100:
   what the kernel has no word for is read from there, and clients get it back as they sent it.
3. Instances with equal specs share one object. Specs of instances that there are not go along in the
   attachment alone, and are checked when the job grows: until then they say nothing.
"""

from collections.abc import Callable, Sequence

from actors.job.commands import CreateJob
from events.attachment import Attachment
from events.job import JobSpec, WorkflowOptions
from events.pod import PodSpec
from protocol.pb.peloton.api.v1alpha import peloton_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.peloton.translate.bounds import (
    MAX_FAILURES,
    TEXT_LENGTH,
    check_count,
    check_labels,
    check_text,
)
from protocol.peloton.translate.ids import DEFAULT_POOL_PATH, read_kept_pool, read_pool
from protocol.peloton.translate.merging import merge_pod
from protocol.peloton.translate.pod_spec import JobTerms, read_pod_spec
from protocol.peloton.translate.refusal import invalid
from protocol.peloton.translate.rules import Rules

ATTACHMENT = "peloton.job_spec"
ATTACHMENT_VERSION = 1

MAX_GROUPS = 1000


def read_create(
    request: stateless_svc_pb2.CreateJobRequest,
    job: str,
    read: Callable[[stateless_pb2.JobSpec], JobSpec],
) -> CreateJob:
    """Return the command that creates a job; refuse what breaks a rule. `read` reads its spec."""
    spec = read(request.spec)
    check_secrets(request.secrets, "secrets")
    options = request.create_spec
    return CreateJob(
        job=job,
        spec=spec,
        options=WorkflowOptions(
            batch_size=options.batch_size,
            max_instance_retries=options.max_instance_retries,
            max_tolerable_failures=options.max_tolerable_instance_failures,
            start_paused=options.start_paused,
        ),
        opaque=check_text(request.opaque_data.data, "opaque_data.data", limit=TEXT_LENGTH),
    )


def read_job_spec(spec: stateless_pb2.JobSpec, rules: Rules, field: str = "spec") -> JobSpec:
    """Return the spec of a job to be made; refuse what breaks a rule."""
    return _read(spec, read_pool(spec.respool_id, f"{field}.respool_id"), rules, field)


def read_changed_spec(spec: stateless_pb2.JobSpec, rules: Rules, field: str = "spec") -> JobSpec:
    """Return the spec that a job is to have from now on; refuse what breaks a rule."""
    return _read(spec, read_kept_pool(spec.respool_id), rules, field)


def _read(spec: stateless_pb2.JobSpec, pool: str, rules: Rules, field: str) -> JobSpec:
    count = check_count(spec.instance_count, f"{field}.instance_count", limit=rules.instances_per_job)
    if spec.sla.revocable and not spec.sla.preemptible:
        raise invalid(f"{field}.sla.revocable", "needs sla.preemptible")
    _check_texts(spec, field)
    labels = check_labels(spec.labels, f"{field}.labels")
    terms = _terms(spec, rules)
    default, instances = _pods(spec, field, terms)
    return JobSpec(
        name=spec.name,
        instance_count=count,
        default=default,
        instances=instances,
        owner=spec.owner,
        labels=labels,
        pool=pool,
        maximum_unavailable=spec.sla.maximum_unavailable_instances,
        attachments=(attach(spec),),
    )


def attach(spec: stateless_pb2.JobSpec) -> Attachment:
    """Return the spec in the form in which it is kept."""
    kept = stateless_pb2.JobSpec()
    kept.CopyFrom(spec)
    kept.ClearField("revision")
    if kept.HasField("default_spec"):
        _cut_failures(kept.default_spec)
    for own in kept.instance_spec.values():
        _cut_failures(own)
    return Attachment(ATTACHMENT, ATTACHMENT_VERSION, kept.SerializeToString(deterministic=True))


def check_secrets(secrets: Sequence[peloton_pb2.Secret], field: str) -> None:
    """Refuse secrets: they are disabled."""
    if secrets:
        raise invalid(field, "must be empty: secrets are disabled on this server")


def system_labels(spec: stateless_pb2.JobSpec, rules: Rules) -> tuple[tuple[str, str], ...]:
    """Return the labels that every pod of a job has, beside its own."""
    return (
        ("peloton.cluster", rules.cluster),
        ("peloton.job_name", spec.name),
        ("peloton.job_owner", spec.owner),
        ("peloton.job_type", "SERVICE"),
        ("peloton.resource_pool", DEFAULT_POOL_PATH),
    )


def variables_of(labels: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return labels as environment variables: upper case, dots as underscores."""
    return tuple((key.upper().replace(".", "_"), value) for key, value in labels)


def _terms(spec: stateless_pb2.JobSpec, rules: Rules) -> JobTerms:
    labels = system_labels(spec, rules)
    return JobTerms(
        rules=rules,
        priority=spec.sla.priority,
        preemptible=spec.sla.preemptible,
        revocable=spec.sla.revocable if spec.HasField("sla") else None,
        labels=labels,
        environment=variables_of(labels),
    )


def _check_texts(spec: stateless_pb2.JobSpec, field: str) -> None:
    check_text(spec.name, f"{field}.name")
    check_text(spec.owner, f"{field}.owner")
    check_text(spec.owning_team, f"{field}.owning_team")
    check_text(spec.description, f"{field}.description", limit=TEXT_LENGTH)
    if len(spec.ldap_groups) > MAX_GROUPS:
        raise invalid(f"{field}.ldap_groups", f"must be at most {MAX_GROUPS}")
    for place, group in enumerate(spec.ldap_groups):
        check_text(group, f"{field}.ldap_groups[{place}]")


def _pods(
    spec: stateless_pb2.JobSpec, field: str, terms: JobTerms
) -> tuple[PodSpec | None, tuple[tuple[int, PodSpec], ...]]:
    """Return the default and the instances' own specs, all checked as they will run."""
    own = sorted(each for each in spec.instance_spec if each < spec.instance_count)
    is_default_used = len(own) < spec.instance_count
    if is_default_used and not spec.HasField("default_spec"):
        raise invalid(f"{field}.default_spec", "must be set unless every instance has an instance_spec")
    default: PodSpec | None = None
    if is_default_used or (spec.HasField("default_spec") and not own):
        default = read_pod_spec(spec.default_spec, f"{field}.default_spec", terms)
        is_only_first = spec.instance_count - len(own) <= 1 and 0 not in own
        if spec.default_spec.controller and not is_only_first:
            raise invalid(f"{field}.default_spec.controller", "must be set on instance 0 alone")
    known: dict[bytes, PodSpec] = {}
    instances: list[tuple[int, PodSpec]] = []
    for instance in own:
        path = f"{field}.instance_spec[{instance}]"
        merged = merge_pod(spec.default_spec, spec.instance_spec[instance])
        if merged.controller and instance != 0:
            raise invalid(f"{path}.controller", "must be set on instance 0 alone")
        body = merged.SerializeToString(deterministic=True)
        if body not in known:
            known[body] = read_pod_spec(merged, path, terms)
        instances.append((instance, known[body]))
    return default, tuple(instances)


def _cut_failures(spec: pod_pb2.PodSpec) -> None:
    if spec.HasField("restart_policy"):
        spec.restart_policy.max_failures = min(spec.restart_policy.max_failures, MAX_FAILURES)
