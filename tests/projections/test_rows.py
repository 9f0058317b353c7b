"""What is searched in jobs: remembered, and never another's."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.attachment import Attachment
from events.frozen import replace
from projections import rows
from projections.jobs import JobView
from projections.rows import JOB_COLUMNS, SMALL, Rows, keywords_of
from projections.view import fold
from tests.projections.world import VIEWS, World, chance

TEXTS = {"it": lambda body: (body[:20].decode(), str(len(body)))}
BODIES = (b"Web", b"db", b"Web" * SMALL, b"Web" * SMALL + b"!")
KINDS = ("it", "other")


def a_job() -> JobView:
    """Return the view of some job."""
    world = World(chance(1))
    while True:
        for recorded in world.happen():
            view = fold(None, recorded) if recorded.version == 1 else None
            if isinstance(view, JobView):
                return view


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    attached=st.lists(
        st.lists(
            st.builds(Attachment, st.sampled_from(KINDS), st.integers(1, 2), st.sampled_from(BODIES)),
            max_size=2,
        ),
        max_size=12,
    )
)
def test_a_job_is_found_by_its_own_texts(
    attached: list[list[Attachment]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was stored before it, few or many, with equal attachments or others."""
    monkeypatch.setattr(rows, "REMEMBERED_SPECS", 3)
    view, maker = a_job(), Rows(VIEWS, TEXTS)
    for attachments in attached:
        job = replace(view, spec=replace(view.spec, attachments=tuple(attachments)))
        assert maker.job(job)[JOB_COLUMNS.index("keywords")] == keywords_of(job.spec, TEXTS)
        assert len(maker._keywords) <= 3
