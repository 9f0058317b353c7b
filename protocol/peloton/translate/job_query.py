"""Questions for jobs, as questions to the tables.

1. A filter that nothing can match (a state that no job here is ever in) answers None.
2. A filter with a terminal state and without a time range looks at the last 7 days only.
3. Of all matches, `max_limit` are considered: total and pages end there.
"""

from collections.abc import Mapping
from types import MappingProxyType

from events.job import JobPhase
from projections.queries import JobOrder, JobQuery
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.peloton.translate.bounds import check_labels, check_text
from protocol.peloton.translate.ids import DEFAULT_POOL, DEFAULT_POOL_PATH, ROOT_POOL, ROOT_POOL_PATH
from protocol.peloton.translate.paging import Window, read_orders, read_window
from protocol.peloton.translate.refusal import invalid, shown
from protocol.peloton.translate.states import JOB_STATES, phases_of
from protocol.peloton.translate.times import FOREVER, read_range

DEFAULT_CONSIDERED = 100
RECENT_US = (7 * 86_400 + 30) * 10**6
"""How far back terminal jobs are looked for: 7 days and some slack."""
MAX_KEYWORDS = 100

TERMINAL = frozenset({JobPhase.SUCCEEDED, JobPhase.FAILED, JobPhase.KILLED})
POOLS: Mapping[str, str] = MappingProxyType(
    {"": "", DEFAULT_POOL_PATH: DEFAULT_POOL, ROOT_POOL_PATH: ROOT_POOL}
)
ORDERS: Mapping[str, JobOrder] = MappingProxyType(
    {
        "creation_time": JobOrder.CREATED_AT,
        "completion_time": JobOrder.ENDED_AT,
        "name": JobOrder.NAME,
        "owner": JobOrder.OWNER,
        "state": JobOrder.PHASE,
        "instance_count": JobOrder.INSTANCE_COUNT,
        "respool_id": JobOrder.POOL,
    }
)
_NEWEST_FIRST = ((JobOrder.CREATED_AT, True),)


def read_job_query(
    spec: stateless_pb2.QuerySpec, *, now: int, field: str = "spec"
) -> tuple[JobQuery | None, Window]:
    """Return the question and the window of its answer."""
    window = read_window(spec.pagination)
    orders = read_orders(spec.pagination.order_by, ORDERS, f"{field}.pagination.order_by")
    considered = spec.pagination.max_limit or DEFAULT_CONSIDERED
    phases = phases_of(spec.job_states, JOB_STATES)
    pool = POOLS.get(spec.respool.value)
    if pool is None:
        raise invalid(
            f"{field}.respool", f"must be the path of a resource pool, is {shown(spec.respool.value)}"
        )
    if len(spec.keywords) > MAX_KEYWORDS:
        raise invalid(f"{field}.keywords", f"must be at most {MAX_KEYWORDS}")
    created, ended = _ranges(spec, field)
    if created is None and ended is None and TERMINAL.intersection(phases or ()):
        created = (max(0, now - RECENT_US), FOREVER)
    query = JobQuery(
        phases=phases or (),
        name_contains=check_text(spec.name, f"{field}.name"),
        owner=check_text(spec.owner, f"{field}.owner"),
        labels=check_labels(spec.labels, f"{field}.labels"),
        keywords=tuple(
            check_text(word, f"{field}.keywords[{place}]") for place, word in enumerate(spec.keywords) if word
        ),
        pool=pool,
        created=created,
        ended=ended,
        order=orders or _NEWEST_FIRST,
        offset=window.offset,
        limit=max(0, min(window.limit, considered - window.offset)),
        count_limit=considered,
    )
    return (None if phases is None else query), window


def _ranges(
    spec: stateless_pb2.QuerySpec, field: str
) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    """Return when jobs were created and when they ended, each None when that does not matter."""
    created, ended = spec.creation_time_range, spec.completion_time_range
    return (
        read_range(created, f"{field}.creation_time_range") if spec.HasField("creation_time_range") else None,
        read_range(ended, f"{field}.completion_time_range")
        if spec.HasField("completion_time_range")
        else None,
    )
