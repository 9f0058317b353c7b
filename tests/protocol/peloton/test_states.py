"""Every phase, goal and reason of the kernel has a name on the wire, and no two share one."""

from collections.abc import Mapping
from enum import StrEnum

import pytest

from actors.kernel.decider import Code
from events.goal import Goal
from events.host import HostPhase
from events.job import JobPhase, WorkflowKind, WorkflowPhase
from events.pod import EndReason, PodPhase
from projections.pods import ContainerPhase
from projections.watch.subscription import EndOfWatch
from protocol.pb.peloton.api.v1alpha.host import host_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.peloton.errors import CODES
from protocol.peloton.translate import states
from protocol.statuses import ENDS

ONE_TO_ONE: list[tuple[type[StrEnum], Mapping[StrEnum, object]]] = [
    (PodPhase, states.POD_STATES),  # type: ignore[list-item] # keys of any enum
    (PodPhase, states.POD_STATE_NAMES),  # type: ignore[list-item]
    (Goal, states.POD_GOALS),  # type: ignore[list-item]
    (Goal, states.JOB_GOALS),  # type: ignore[list-item]
    (JobPhase, states.JOB_STATES),  # type: ignore[list-item]
    (WorkflowPhase, states.WORKFLOW_STATES),  # type: ignore[list-item]
    (WorkflowKind, states.WORKFLOW_TYPES),  # type: ignore[list-item]
    (HostPhase, states.HOST_STATES),  # type: ignore[list-item]
    (ContainerPhase, states.CONTAINER_STATES),  # type: ignore[list-item]
    (EndReason, states.REASONS),  # type: ignore[list-item]
    (EndOfWatch, ENDS),  # type: ignore[list-item]
]


@pytest.mark.parametrize(("kind", "mapping"), ONE_TO_ONE)
def test_mappings_are_total_and_one_to_one(kind: type[StrEnum], mapping: Mapping[StrEnum, object]) -> None:
    assert set(mapping) == set(kind)
    assert len(set(mapping.values())) == len(mapping)


def test_mappings_that_need_not_be_one_to_one_are_total() -> None:
    assert set(states.TERMINATIONS) == set(EndReason)
    assert set(CODES) == set(Code)


def test_every_pod_state_of_the_wire_is_a_phase() -> None:
    assert set(states.POD_STATES.values()) == set(pod_pb2.PodState.values()) - {pod_pb2.POD_STATE_INVALID}
    assert set(states.WORKFLOW_STATES.values()) == set(stateless_pb2.WorkflowState.values()) - {0}


def test_states_that_nothing_is_ever_in_match_nothing() -> None:
    never = (stateless_pb2.JOB_STATE_INITIALIZED, stateless_pb2.JOB_STATE_UNINITIALIZED, 99, 0)
    assert states.phases_of(never, states.JOB_STATES) is None
    assert states.phases_of((host_pb2.HOST_STATE_UNKNOWN,), states.HOST_STATES) is None


def test_no_state_matches_everything() -> None:
    assert states.phases_of((), states.JOB_STATES) == ()


def test_unknown_states_beside_known_ones_change_nothing() -> None:
    wanted = (99, stateless_pb2.JOB_STATE_RUNNING, stateless_pb2.JOB_STATE_RUNNING)
    assert states.phases_of(wanted, states.JOB_STATES) == (JobPhase.RUNNING,)
