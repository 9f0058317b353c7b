"""Requests to change a job's workflow, as commands.

1. Secrets cannot be changed, for there are none: giving some is refused as at creation.
2. Opaque data that is not set stays as it is when a workflow is touched; set and empty, it is cleared.
3. `in_place` is passed on: the kernel remembers it, and places pods by what the hosts have free.
"""

from actors.job.commands import ReplaceJob, RestartJob
from events.job import WorkflowOptions
from protocol.pb.peloton.api.v1alpha import peloton_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as svc
from protocol.peloton.translate.bounds import TEXT_LENGTH, check_text
from protocol.peloton.translate.job_spec import check_secrets, read_changed_spec
from protocol.peloton.translate.patch import patch_job
from protocol.peloton.translate.rules import Rules


def read_replace(request: svc.ReplaceJobRequest, rules: Rules) -> ReplaceJob:
    """Return the command that replaces a job's spec."""
    spec = read_changed_spec(request.spec, rules)
    check_secrets(request.secrets, "secrets")
    return ReplaceJob(
        expected_version=request.version.value,
        spec=spec,
        options=_read_options(request.update_spec),
        opaque=_text(request.opaque_data),
    )


def read_patch(request: svc.PatchJobRequest, stored: stateless_pb2.JobSpec, rules: Rules) -> ReplaceJob:
    """Return the command that replaces a job's spec by itself, as it is stored, with some fields changed."""
    whole = svc.ReplaceJobRequest(
        version=request.version,
        spec=patch_job(stored, request.spec),
        secrets=request.secrets,
        update_spec=request.update_spec,
        opaque_data=request.opaque_data,
    )
    return read_replace(whole, rules)


def read_restart(request: svc.RestartJobRequest) -> RestartJob:
    """Return the command that restarts instances; ranges are half-open here, inclusive in the kernel."""
    bounds = ((getattr(each, "from"), each.to - 1) for each in request.ranges)
    return RestartJob(
        expected_version=request.version.value,
        instances=tuple((first, last) for first, last in bounds if first <= last),
        options=WorkflowOptions(batch_size=request.batch_size),
        opaque=_text(request.opaque_data),
    )


def read_opaque(
    request: svc.PauseJobWorkflowRequest | svc.ResumeJobWorkflowRequest | svc.AbortJobWorkflowRequest,
) -> str | None:
    """Return the text that the workflow is to have from now on, None for the one it has."""
    return _text(request.opaque_data) if request.HasField("opaque_data") else None


def _text(data: peloton_pb2.OpaqueData) -> str:
    return check_text(data.data, "opaque_data.data", limit=TEXT_LENGTH)


def _read_options(spec: stateless_pb2.UpdateSpec) -> WorkflowOptions:
    return WorkflowOptions(
        batch_size=spec.batch_size,
        max_instance_retries=spec.max_instance_retries,
        max_tolerable_failures=spec.max_tolerable_instance_failures,
        start_paused=spec.start_paused,
        roll_back_on_failure=spec.rollback_on_failure,
        in_place=spec.in_place,
        start_pods=spec.start_pods,
    )
