"""The job, with its pods, keeps the laws in every story, and its tables are exactly what it does."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from actors.job import ALLOWED, TRANSITIONS
from tests.actors.job.machine import JobMachine
from tests.actors.subject import edges_in


def test_keeps_the_laws_in_every_story() -> None:
    run_state_machine_as_test(
        JobMachine,
        settings=settings(
            max_examples=150,
            stateful_step_count=25,
            suppress_health_check=[HealthCheck.too_slow],
            deadline=None,
        ),
    )
    never = edges_in(TRANSITIONS) - JobMachine.taken
    print("edges never taken by the machine:", sorted(map(str, never)))  # noqa: T201 - the report


def test_every_edge_of_the_table_is_allowed() -> None:
    for before, _, after in edges_in(TRANSITIONS):
        assert before is None or before == after or after in ALLOWED[before], (before, after)
