"""Peloton v1alpha: the server needs `servicers` of this façade, and `texts_of` what it keeps with jobs."""

from collections.abc import Callable, Mapping

from google.protobuf.descriptor import ServiceDescriptor

from protocol.calls import Calls
from protocol.gateway import Gateway
from protocol.pb.peloton.api.v1alpha.host.svc import host_svc_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2
from protocol.pb.peloton.api.v1alpha.pod.svc import pod_svc_pb2
from protocol.pb.peloton.api.v1alpha.watch.svc import watch_svc_pb2
from protocol.peloton.hosts import HostServicer
from protocol.peloton.jobs import JobServicer
from protocol.peloton.pods import HttpAddress, PodServicer
from protocol.peloton.translate.job_spec import ATTACHMENT
from protocol.peloton.translate.rules import Rules
from protocol.peloton.translate.searched import texts_of
from protocol.peloton.translate.stored_spec import StoredSpecs
from protocol.peloton.watch import WatchServicer
from protocol.sandbox import Sandboxes

__all__ = ["ATTACHMENT", "ORIGIN", "Rules", "servicers", "texts_of"]

ORIGIN = "peloton"
"""What calls through this façade say of where they came from."""


def servicers(
    gateway: Gateway,
    calls: Calls,
    *,
    rules: Rules,
    sandboxes: Sandboxes,
    http_address: HttpAddress,
    now: Callable[[], int],
) -> Mapping[ServiceDescriptor, object]:
    """Return what answers each service; `now` tells microseconds since the epoch, UTC."""
    specs = StoredSpecs()
    return {
        stateless_svc_pb2.DESCRIPTOR.services_by_name["JobService"]: JobServicer(
            gateway, calls, specs, rules, now
        ),
        pod_svc_pb2.DESCRIPTOR.services_by_name["PodService"]: PodServicer(
            gateway, calls, specs, sandboxes, http_address
        ),
        host_svc_pb2.DESCRIPTOR.services_by_name["HostService"]: HostServicer(gateway),
        watch_svc_pb2.DESCRIPTOR.services_by_name["WatchService"]: WatchServicer(gateway, specs),
    }
