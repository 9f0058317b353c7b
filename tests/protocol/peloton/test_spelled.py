"""An answer is spelled once for each view, and what is kept of answers is bounded."""

from immutables import Map

from events.frozen import replace
from events.pod import PodPhase
from projections.jobs import JobView
from protocol.peloton.spelled import SpelledJobs
from tests.protocol.peloton.fake import JOB as ID
from tests.protocol.peloton.fake import FakeGateway
from tests.protocol.peloton.stories import create_job


def made() -> JobView:
    gateway = FakeGateway()
    create_job(gateway)
    job = gateway.views[f"job/{ID}"]
    assert isinstance(job, JobView)
    return job


JOB = made()


class Spelling:
    def __init__(self) -> None:
        self.spelled: list[JobView] = []

    def __call__(self, job: JobView) -> bytes:
        self.spelled.append(job)
        return f"{job.id:<100}".encode()


def test_a_view_is_spelled_once_and_another_one_anew() -> None:
    spelling = Spelling()
    answers = SpelledJobs(spelling)
    later = replace(JOB, revision=JOB.revision + 1)
    assert answers.of(JOB) == answers.of(JOB) == answers.of(later)
    assert spelling.spelled == [JOB, later]


def test_a_view_that_was_made_again_is_spelled_anew_when_its_pods_stand_elsewhere() -> None:
    spelling = Spelling()
    answers = SpelledJobs(spelling)
    counts: Map[tuple[int, PodPhase], int] = Map({(1, PodPhase.PENDING): 3})
    waiting, same = replace(JOB, counts=counts), replace(JOB, counts=Map(counts))
    for job in (JOB, waiting, same, JOB):
        answers.of(job)
    assert spelling.spelled == [JOB, waiting, JOB]


def test_what_is_kept_is_bounded() -> None:
    spelling = Spelling()
    answers = SpelledJobs(spelling, kept_bytes=200)
    others = [replace(JOB, id=str(number)) for number in range(3)]
    for job in (*others, others[2], others[1], others[0]):
        answers.of(job)
    assert [job.id for job in spelling.spelled] == ["0", "1", "2", "0"]
