"""The law that a restart changes nothing: what counts as a change, and what is time going on."""

import pytest

from actors.job.commands import CreateJob, ReplaceJob
from actors.pod.commands import RestartPod, StopPod
from events.goal import Goal
from events.job import WorkflowOptions
from protocol.simulation.books import Books
from protocol.simulation.laws import Settled, check_restart, settled
from protocol.simulation.story import LawBroken, Story
from tests.histories.stepped import Stepped
from tests.histories.stories import spec

POD = "pod/a-1"


class Watched:
    """A job of two pods in an update by ones, whose first step is being taken; and its books."""

    def __init__(self, *, stopped: bool = False) -> None:
        self.plane = Stepped()
        self.books = Books(self.plane.reader, Story(self.plane.clock.now))
        version = self.plane.ask("job/a", CreateJob(job="a", spec=spec("a", 2)), wait_s=5)
        for pod in ("pod/a-0", POD) if stopped else ():
            self.plane.ask(pod, StopPod(), wait_s=5)
        wanted = spec("a", 2, labels=(("simulate.start_s", "3"),))
        options = WorkflowOptions(batch_size=1, start_pods=True)
        self.plane.ask("job/a", ReplaceJob(expected_version=version, spec=wanted, options=options))
        self.books.read_on()

    def rest(self) -> tuple[Settled, int]:
        """What there is, and since when."""
        return settled(self.books), self.books.head

    def go_on(self) -> None:
        """Let the update take its second step, and come to its end."""
        self.plane.pass_time(10)
        self.books.read_on()


@pytest.mark.parametrize("stopped", [True, False])
def test_a_workflow_that_goes_on_after_a_restart_may_set_goals_and_end_runs(*, stopped: bool) -> None:
    """Seed 2232 gave a stopped pod its turn, seed 20180 a running one."""
    watched = Watched(stopped=stopped)
    before, since = watched.rest()
    assert before[POD] == ((Goal.KILLED, 0) if stopped else (Goal.RUNNING, 1))
    watched.go_on()
    assert settled(watched.books)[POD] == (Goal.RUNNING, 2)
    check_restart(watched.books, before, since)


def test_what_a_workflow_did_before_the_restart_excuses_nothing_after_it() -> None:
    watched = Watched()
    before, _ = watched.rest()
    watched.go_on()
    with pytest.raises(LawBroken, match="a restart changes nothing"):
        check_restart(watched.books, before, watched.books.head)


@pytest.mark.parametrize("wish", [StopPod(), RestartPod()])
def test_a_goal_or_a_run_that_no_workflow_changed_is_a_change(wish: StopPod | RestartPod) -> None:
    """Also of a pod that the workflow has moved before."""
    watched = Watched()
    watched.go_on()
    before, since = watched.rest()
    watched.plane.ask(POD, wish, wait_s=10)
    watched.books.read_on()
    with pytest.raises(LawBroken, match="a restart changes nothing"):
        check_restart(watched.books, before, since)
