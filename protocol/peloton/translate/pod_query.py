"""Questions for the pods of a job, as questions to the tables.

1. A filter that nothing can match answers None.
2. Paging stands in the spec or, when the spec has none, at the top of the request.
"""

from collections.abc import Mapping
from types import MappingProxyType

from projections.queries import PodOrder, PodQuery
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.peloton.translate.ids import job_stream, read_pod_name
from protocol.peloton.translate.paging import Window, read_orders, read_window
from protocol.peloton.translate.refusal import invalid
from protocol.peloton.translate.states import POD_STATES, phases_of

MAX_NAMES = 10_000

ORDERS: Mapping[str, PodOrder] = MappingProxyType(
    {
        "creation_time": PodOrder.STARTED_AT,  # in fact the start of the run, as in the original
        "host": PodOrder.HOST,
        "instanceId": PodOrder.INSTANCE,
        "message": PodOrder.MESSAGE,
        "name": PodOrder.NAME,
        "reason": PodOrder.REASON,
        "state": PodOrder.PHASE,
    }
)
_BY_INSTANCE = ((PodOrder.INSTANCE, False),)


def read_pod_query(request: stateless_svc_pb2.QueryPodsRequest, job: str) -> tuple[PodQuery | None, Window]:
    """Return the question and the window of its answer."""
    spec = request.spec
    in_spec = spec.HasField("pagination")
    pagination = spec.pagination if in_spec else request.pagination
    field = "spec.pagination.order_by" if in_spec else "pagination.order_by"
    window = read_window(pagination)
    orders = read_orders(pagination.order_by, ORDERS, field)
    phases = phases_of(spec.pod_states, POD_STATES)
    for name, values in (("names", spec.names), ("hosts", spec.hosts)):
        if len(values) > MAX_NAMES:
            raise invalid(f"spec.{name}", f"must be at most {MAX_NAMES}")
    ids = tuple(read_pod_name(name, f"spec.names[{place}]").id for place, name in enumerate(spec.names))
    query = PodQuery(
        owner=job_stream(job),
        phases=phases or (),
        ids=ids,
        hosts=tuple(spec.hosts),
        order=orders or _BY_INSTANCE,
        offset=window.offset,
        limit=window.limit,
    )
    return (None if phases is None else query), window


def read_instances(message: pod_pb2.InstanceIDRange) -> tuple[int, int]:
    """Return a range of instances: the first and the one after the last."""
    first: int = getattr(message, "from")
    return first, message.to
