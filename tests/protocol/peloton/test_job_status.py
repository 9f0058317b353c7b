"""Jobs as they are told: counts, versions, workflows, what is cut."""

from datetime import datetime

import pytest
from immutables import Map

from events.frozen import replace
from events.goal import Goal
from events.job import JobDeleted, JobSpec, WorkflowInstanceEnded, WorkflowKind, WorkflowPhase
from events.pod import PodPhase
from projections.jobs import JobView
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2 as stateless
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.peloton.translate.job_status import (
    NAMED_IN_SUMMARIES,
    spell_current_workflow,
    spell_job,
    spell_job_status,
    spell_job_summary,
)
from protocol.peloton.translate.stored_spec import StoredSpecs
from protocol.peloton.translate.times import rfc3339
from tests.protocol.peloton.fake import JOB, NOW, FakeGateway, at
from tests.protocol.peloton.messages import job as job_message
from tests.protocol.peloton.stories import create_job, report


@pytest.fixture
def gateway() -> FakeGateway:
    gateway = FakeGateway()
    create_job(gateway)
    return gateway


def view(gateway: FakeGateway) -> JobView:
    found = gateway.views[f"job/{JOB}"]
    assert isinstance(found, JobView)
    return found


def test_a_job_is_told_whole(gateway: FakeGateway) -> None:
    told = spell_job(view(gateway), StoredSpecs())
    assert told.job_id.value == JOB
    assert told.spec.revision.version == 1
    told.spec.ClearField("revision")
    assert told.spec == job_message()
    assert told.status.version.value == "1-1-1"
    assert told.status.state == stateless.JOB_STATE_RUNNING
    assert told.status.desired_state == stateless.JOB_STATE_RUNNING
    assert told.status.creation_time == rfc3339(NOW + 1_000_000)
    assert told.status.revision.created_at == (NOW + 1_000_000) * 1000


def test_every_pod_state_has_a_count_and_unheard_pods_are_initialized(gateway: FakeGateway) -> None:
    status = spell_job_status(view(gateway))
    assert set(status.pod_stats) == set(pod_pb2.PodState.keys()) - {"POD_STATE_INVALID"}
    told = {state: number for state, number in status.pod_stats.items() if number}
    assert told == {"POD_STATE_RUNNING": 1, "POD_STATE_PENDING": 1, "POD_STATE_INITIALIZED": 1}
    assert dict(status.pod_configuration_version_stats) == {"1-0-0": 3}
    assert dict(status.pod_stats_by_configuration_version["1-0-0"].state_stats) == told


def test_a_pod_that_was_heard_of_is_no_longer_initialized(gateway: FakeGateway) -> None:
    gateway.record(f"job/{JOB}", report(2, PodPhase.RUNNING))
    assert spell_job_status(view(gateway)).pod_stats["POD_STATE_INITIALIZED"] == 0


def test_pods_that_are_gone_are_not_initialized(gateway: FakeGateway) -> None:
    gateway.record(f"job/{JOB}", report(0, PodPhase.DELETED))
    status = spell_job_status(at(view(gateway), goal=Goal.DELETED))
    assert sum(status.pod_stats.values()) == 2


def test_a_summary_has_what_the_job_says_without_its_pods(gateway: FakeGateway) -> None:
    told = spell_job_summary(view(gateway), StoredSpecs())
    assert (told.name, told.owner, told.owning_team, told.instance_count) == ("web", "ann", "team", 3)
    assert [(it.key, it.value) for it in told.labels] == [("tier", "front")]
    assert told.respool_id.value == "default"
    assert not told.HasField("sla")


def test_the_first_workflow_is_an_update_from_nothing(gateway: FakeGateway) -> None:
    gateway.record(f"job/{JOB}", WorkflowInstanceEnded(instance=0, has_failed=False))
    told = spell_current_workflow(view(gateway))
    assert told is not None
    status = told.status
    assert status.type == stateless.WORKFLOW_TYPE_UPDATE
    assert status.state == stateless.WORKFLOW_STATE_ROLLING_FORWARD
    assert (status.num_instances_completed, status.num_instances_remaining) == (1, 2)
    assert list(status.instances_current) == [1, 2]
    assert (status.version.value, status.prev_version.value) == ("1-1-1", "0-1-1")
    assert (told.opaque_data.data, told.update_spec.batch_size) == ("mine", 5)
    assert [(getattr(it, "from"), it.to) for it in told.instances_added] == [(0, 2)]
    assert [it.state for it in told.events] == [
        stateless.WORKFLOW_STATE_ROLLING_FORWARD,
        stateless.WORKFLOW_STATE_INITIALIZED,
    ]


def test_a_restart_tells_what_it_restarts(gateway: FakeGateway) -> None:
    job = view(gateway)
    restart = at_workflow(job, kind=WorkflowKind.RESTART, updated=((3, 4),), added=())
    told = spell_current_workflow(restart)
    assert told is not None
    assert told.restart_batch_size == 5
    assert [(getattr(it, "from"), it.to) for it in told.restart_ranges] == [(3, 4)]
    assert not told.HasField("update_spec")


def test_a_paused_workflow_tells_where_it_goes_back_to(gateway: FakeGateway) -> None:
    job = at_workflow(view(gateway), phase=WorkflowPhase.PAUSED, previous_phase=WorkflowPhase.ROLLING_FORWARD)
    told = spell_current_workflow(job)
    assert told is not None
    assert told.status.prev_state == stateless.WORKFLOW_STATE_ROLLING_FORWARD


def test_a_summary_does_not_grow_with_the_instances_in_flight(gateway: FakeGateway) -> None:
    flying = Map(dict.fromkeys(range(5000), True))
    job = at_workflow(view(gateway), in_flight=flying, total=5000)
    summary = spell_job_summary(job, StoredSpecs())
    assert len(summary.status.workflow_status.instances_current) == NAMED_IN_SUMMARIES
    whole = spell_current_workflow(job)
    assert whole is not None
    assert list(whole.status.instances_current) == list(range(5000))


def test_a_deleted_job_is_told_a_last_time(gateway: FakeGateway) -> None:
    gateway.record(f"job/{JOB}", JobDeleted())
    told = spell_job_summary(view(gateway), StoredSpecs())
    assert told.status.state == told.status.desired_state == stateless.JOB_STATE_DELETED


def test_a_job_of_another_api_is_told_as_far_as_it_is_known(gateway: FakeGateway) -> None:
    spec: JobSpec = view(gateway).spec
    foreign = at(view(gateway), spec=at_spec(spec))
    told = spell_job(foreign, StoredSpecs()).spec
    assert (told.name, told.owner, told.instance_count) == ("web", "ann", 3)
    assert told.default_spec.containers[0].entrypoint.value == "/bin/sh"


def test_the_cache_of_specs_is_bounded() -> None:
    specs = StoredSpecs(kept_bytes=1)
    gateway = FakeGateway()
    create_job(gateway, job_message(name="a"))
    first = specs.of(view(gateway).spec)
    assert specs.of(view(gateway).spec) is first
    other = FakeGateway()
    create_job(other, job_message(name="b"))
    assert specs.of(view(other).spec).name == "b"
    assert specs.of(view(gateway).spec) is not first


def test_times_are_texts_that_anybody_can_read() -> None:
    assert rfc3339(0) == ""
    assert rfc3339(1) == "1970-01-01T00:00:00.000001Z"
    assert datetime.fromisoformat(rfc3339(NOW)).timestamp() * 10**6 == NOW


def at_workflow(job: JobView, **changes: object) -> JobView:
    changed = at_any(job.workflows[-1], **changes)
    return at(job, workflows=(changed,))


def at_spec(spec: JobSpec) -> object:
    return at_any(spec, attachments=())


def at_any(value: object, **changes: object) -> object:
    return replace(value, **changes)  # type: ignore[type-var]
