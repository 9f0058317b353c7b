"""Pods that come back, whose runs are forgotten, and that move to another configuration."""

from actors.job.commands import ReportPod
from actors.kernel.decider import Code, Decision, Rejection, Send
from actors.pod import ENTITY
from actors.pod.commands import (
    DeletePod,
    ForgetPodRun,
    ReconfigurePod,
    RecreatePod,
    RequestPlacement,
)
from events.frozen import replace
from events.goal import Goal
from events.pod import (
    PodCreated,
    PodRunForgotten,
    PodStopRequested,
)
from tests.actors.pod.machine import ONE, TWO, subject
from tests.actors.pod.test_decider import UP, UPDATE, P, R
from tests.actors.subject import context


def test_a_deleted_pod_is_there_again_with_its_run_numbers() -> None:
    again = RecreatePod(config=3, spec=TWO, goal=Goal.RUNNING, name="other")
    pod = subject()
    assert pod.decided(again) == Decision()
    pod.decided(DeletePod())
    created = PodCreated(owner="job/1", instance=0, config=3, spec=TWO, run=2, name="other")
    assert pod.decided(again) == Decision(events=(created,))
    assert pod.effects[-1] == RequestPlacement(run=2)
    assert pod.decided(again) == Decision()


def test_a_run_is_forgotten_also_when_the_pod_is_gone() -> None:
    pod = subject()
    assert pod.decided(ForgetPodRun(run=2)) == Decision()
    assert pod.decided(ForgetPodRun(run=0)) == Decision()
    pod.decided(DeletePod())
    assert pod.decided(ForgetPodRun(run=1)) == Decision(events=(PodRunForgotten(run=1),))
    assert ENTITY.decide(None, ForgetPodRun(run=1), context()) == Rejection(
        Code.NOT_FOUND, "there is no such pod"
    )


def test_a_pod_tells_the_configuration_of_its_next_run() -> None:
    pod = subject(goal=Goal.KILLED)
    pod.decided(UPDATE)
    told = ReportPod(
        instance=0, run=1, phase=P.KILLED, goal=Goal.KILLED, config=1, desired_config=2, failure_count=0
    )
    assert pod.effects == [Send("job/1", told)]


def test_a_pod_that_is_moved_and_started_never_tells_the_new_configuration_with_the_old_goal() -> None:
    """Such a report would say that the pod is where a workflow wants it before it has begun to run."""
    pod = subject(goal=Goal.KILLED)
    pod.decided(replace(UPDATE, goal=Goal.RUNNING))
    reports = [effect.command for effect in pod.effects if isinstance(effect, Send)]
    told = [it for it in reports if isinstance(it, ReportPod) and 2 in {it.config, it.desired_config}]
    assert told
    assert {it.goal for it in told} == {Goal.RUNNING}


def test_a_pod_may_be_moved_for_another_reason() -> None:
    pod = subject()
    for each in UP:
        pod.decided(each)
    moved = pod.decided(ReconfigurePod(config=2, spec=ONE, restart=True, reason=R.FOR_RESTART))
    assert PodStopRequested(run=1, reason=R.FOR_RESTART) in moved.events
