"""What follows from a change of a job, decided in the same append.

1. First the end of the workflow, or its way back; then the next instances; then the derived phase.
2. The next instances are taken when it is their turn, or when the change made room for them: while
   there was room before, a command that brings them into flight is on its way.
3. A job that is started is pending until something happens to a pod: that all were killed before says
   nothing of it any more.
"""

from collections.abc import Iterable

from actors.job import rollout
from actors.job.commands import JobAccepted
from actors.job.fold import evolve
from actors.job.phases import derive
from actors.job.state import JobState
from actors.kernel.decider import Decision, Opening
from events.goal import Goal
from events.job import JobEvent, JobPhase, JobPhaseChanged


def conclude(
    state: JobState,
    told: tuple[JobEvent, ...],
    *,
    phase: JobPhase | None = None,
    is_next: bool = False,
    is_wish: bool = False,
) -> Decision:
    """Answer with what was told and what it means."""
    had_room = not is_next and rollout.has_next(state)
    story = Story(state)
    story.tell(told)
    story.tell(rollout.ending(story.state))
    opens: tuple[Opening, ...] = ()
    if not had_room and (is_next or story.events):
        taken, opens = rollout.taking(story.state)
        story.tell(taken)
        story.tell(rollout.ending(story.state))
    after = story.state
    derived = _phase_of(state, after, phase or state.phase)
    # While its pods vanish one by one, a job to be deleted keeps the phase in which they ended.
    is_vanishing = after.goal is Goal.DELETED and phase is None and state.phase is not JobPhase.KILLING
    if after.phase not in (derived, JobPhase.DELETED) and not is_vanishing:
        story.tell((JobPhaseChanged(phase=derived),))
    result = JobAccepted(job=state.id, version=after.version) if is_wish else None
    return Decision(events=tuple(story.events), opens=opens, result=result, states=tuple(story.states))


def _phase_of(before: JobState, after: JobState, phase: JobPhase) -> JobPhase:
    """Return the phase of a job that is in `phase` now, as it follows from its pods or from its start."""
    derived = derive(after, phase)
    if derived is not JobPhase.KILLED or phase is not JobPhase.PENDING or after.goal is not Goal.RUNNING:
        return derived
    is_same = after.counts == before.counts and after.spec.instance_count == before.spec.instance_count
    return phase if is_same else derived


class Story:
    """Events of one decision, with the state after each."""

    def __init__(self, state: JobState) -> None:
        self.state = state
        self.events: list[JobEvent] = []
        self.states: list[JobState] = []

    def tell(self, events: Iterable[JobEvent]) -> None:
        """Add events."""
        for event in events:
            self.state = evolve(self.state, self.state.stream, event)
            self.events.append(event)
            self.states.append(self.state)
