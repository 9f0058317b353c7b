"""Answers that stay the same for as long as the view stays: spelled once, however often they are asked for.

1. Views are frozen: of one revision, and with as many pods in each phase, they have the same answer, byte
   for byte.
2. Least recently asked for go out first, beyond a number of bytes.
"""

from collections import OrderedDict
from collections.abc import Callable

from projections.jobs import JobView

KEPT_BYTES = 32 * 2**20


class SpelledJobs:
    """Answers about jobs, as bytes.

    Args:
        spell: Spells a job; what it answers depends on nothing else.
        kept_bytes: Of answers, at most.
    """

    def __init__(self, spell: Callable[[JobView], bytes], *, kept_bytes: int = KEPT_BYTES) -> None:
        self._spell = spell
        self._kept_bytes = kept_bytes
        self._bytes = 0
        self._answers: OrderedDict[str, tuple[JobView, bytes]] = OrderedDict()
        """By the job's id."""

    def of(self, job: JobView) -> bytes:
        """Return the answer about a job."""
        known = self._answers.get(job.id)
        if known is not None:
            self._answers.move_to_end(job.id)
            if known[0] is job or (known[0].revision == job.revision and known[0].counts == job.counts):
                return known[1]
            self._bytes -= len(known[1])
        answer = self._spell(job)
        self._answers[job.id] = (job, answer)
        self._bytes += len(answer)
        while self._bytes > self._kept_bytes and len(self._answers) > 1:
            _, (_, dropped) = self._answers.popitem(last=False)
            self._bytes -= len(dropped)
        return answer
