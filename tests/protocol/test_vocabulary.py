"""What the journal holds can be written and read: states of snapshots as well as events."""

from hypothesis import given

from actors.job.state import JobState
from actors.pod.state import PodState
from actors.worker.state import WorkerState
from protocol.vocabulary import ENTITIES, STATES, journal_codec
from tests.strategies import instances

CODEC = journal_codec()


@given(instances(JobState) | instances(PodState) | instances(WorkerState))
def test_a_state_comes_back_from_its_snapshot(state: object) -> None:
    assert CODEC.decode(*CODEC.encode(state)) == state


def test_every_entity_with_snapshots_has_a_form_for_them() -> None:
    assert {f"{each.name}.state:1" for each in ENTITIES if each.snapshot_schema == 1} == set(STATES)
