"""The job, with its pods, keeps the laws of its workflows in every story."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from actors.job.commands import ReplaceJob, StartJobPod
from actors.kernel.decider import Code, Decision, Rejection
from actors.pod import PodState
from events.goal import Goal
from events.job import JobSpec
from events.pod import PodPhase
from tests.actors.job.machine import JOB, creation
from tests.actors.job.workflow_machine import WorkflowMachine
from tests.actors.pod.machine import ONE
from tests.actors.world import World

DELIVERIES = st.lists(st.integers(0, 20), max_size=6)


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


@given(DELIVERIES, DELIVERIES)
@settings(deadline=None)
def test_a_pod_that_leaves_is_not_started_though_it_is_wanted_again(
    first: list[int], then: list[int]
) -> None:
    """To start it is refused as long as it is there, and it comes back as another pod all the same."""
    world = World()
    world.ask(JOB, creation(2))
    world.drain()
    for count, choices in ((1, first), (2, then)):
        spec = JobSpec(name="web", instance_count=count, default=ONE)
        world.ask(JOB, ReplaceJob(expected_version=world.job().version, spec=spec))
        for choice in choices:
            world.step(choice)
    pod = world.subject("pod/1-1")
    assert isinstance(pod.state, PodState)
    outcome = world.ask(JOB, StartJobPod(instance=1))
    if pod.state.goal is Goal.DELETED and pod.state.phase is not PodPhase.DELETED:
        assert isinstance(outcome, Rejection)
        assert outcome.code is Code.BEING_DELETED
    if isinstance(outcome, Decision):
        assert world.job().pods[1].goal is Goal.RUNNING
    world.drain()
    assert (pod.state.goal, pod.state.phase, pod.state.run) == (Goal.RUNNING, PodPhase.RUNNING, 2)
