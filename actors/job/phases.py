"""The phase of a job, derived from what its pods reported.

1. Rules are tried in order; the first that fits gives the phase.
2. It looks at counts alone, so that a report costs the same for three pods and for 100 000.
"""

from actors.job.state import JobState
from events.goal import Goal
from events.job import JobPhase
from events.pod import PodPhase

P = PodPhase


def derive(state: JobState, phase: JobPhase) -> JobPhase:
    """Return the derived phase of a job that is in `phase` now."""
    wanted, existing = state.spec.instance_count, len(state.pods)
    count = state.counts.get
    succeeded, killed = count(P.SUCCEEDED, 0), count(P.KILLED, 0)
    ended = succeeded + count(P.FAILED, 0) + count(P.LOST, 0)
    is_making = state.workflow is not None and state.workflow.is_creation and state.workflow.is_active
    if existing < wanted and state.goal is Goal.RUNNING and is_making:
        return JobPhase.PENDING
    # A creation that failed leaves pods unmade for ever: a stop of such a job ends as well.
    if existing < wanted and state.goal is not Goal.RUNNING and ended + killed == existing:
        return JobPhase.KILLED if killed or not existing else JobPhase.FAILED
    if existing > wanted and state.goal is Goal.RUNNING:
        return JobPhase.PENDING
    if succeeded == wanted:
        return JobPhase.SUCCEEDED
    if ended >= wanted:
        return JobPhase.FAILED
    if killed and ended + killed >= wanted:
        return JobPhase.KILLED
    if phase is JobPhase.KILLING:
        return JobPhase.KILLING
    return JobPhase.RUNNING if count(P.RUNNING, 0) else JobPhase.PENDING
