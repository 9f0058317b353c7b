"""Every order has an index once somebody has asked for it, and none before."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from projections.listing import pod_ordering
from projections.queries import JobOrder, JobQuery, PodOrder, PodQuery
from tests.projections.test_lists import Stand


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    made = Stand(tmp_path_factory.mktemp("stand"), count=200)
    yield made
    made.close()


@pytest.mark.parametrize("order", PodOrder)
@pytest.mark.parametrize("is_descending", [False, True])
def test_every_order_of_an_owners_pods_has_an_index(
    stand: Stand, order: PodOrder, *, is_descending: bool
) -> None:
    query = PodQuery(owner="job/1", order=((order, is_descending),))
    before = stand.reader.pods(query)
    stand.projector.step()
    assert not stand.projector.has_work
    assert stand.reader.pods(query) == before
    ordering = pod_ordering(query)
    terms = ", ".join(f"{column}{' DESC' if descending else ''}" for column, descending in ordering)
    plan = stand.reader._execute(
        f"EXPLAIN QUERY PLAN SELECT body FROM pods WHERE owner = ? ORDER BY {terms}",  # noqa: S608
        ["job/1"],
    )
    steps = [str(row[3]) for row in plan]
    assert "INDEX pods_by_" in steps[0]
    # The tie break is ascending always: within equal values of a descending column it is sorted.
    assert "USE TEMP B-TREE FOR ORDER BY" not in steps


@pytest.mark.parametrize("order", JobOrder)
def test_every_order_of_jobs_has_an_index_once_it_was_asked_for(stand: Stand, order: JobOrder) -> None:
    query = JobQuery(order=((order, True),), labels=(("tier", "web"),))
    before = stand.reader.jobs(query)
    stand.projector.step()
    assert stand.reader.jobs(query) == before
    names = [row[0] for row in stand.reader._execute("SELECT name FROM sqlite_master", [])]
    assert {f"jobs_by_{order.value}", "job_labels_by_label"} <= set(names)


def test_an_index_is_made_when_nothing_else_is_written_and_again_when_tables_are(tmp_path: Path) -> None:
    stand = Stand(tmp_path, count=50)
    called = []
    stand.projector.on_wish(lambda: called.append(stand.projector.has_work))
    for _ in range(2):
        stand.reader.jobs(JobQuery(order=((JobOrder.NAME, False),)))
    assert called == [True]
    assert stand.projector.step()
    assert not stand.projector.step()
    stand.tables.reset()
    stand.reader.jobs(JobQuery(order=((JobOrder.NAME, False),)))
    assert called == [True, True]
    stand.close()
