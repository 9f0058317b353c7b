"""The job, with its pods, keeps the laws of its workflows in every story."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.actors.job.workflow_machine import WorkflowMachine


def test_keeps_the_laws_of_workflows_in_every_story() -> None:
    run_state_machine_as_test(
        WorkflowMachine,
        settings=settings(
            max_examples=150,
            stateful_step_count=25,
            suppress_health_check=[HealthCheck.too_slow],
            deadline=None,
        ),
    )
