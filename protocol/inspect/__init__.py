"""Our own API, `polyplane.inspect.v1`: the server needs `servicers` of it, and nothing else."""

from collections.abc import Mapping

from google.protobuf.descriptor import ServiceDescriptor

from protocol.gateway import Gateway
from protocol.inspect.service import InspectServicer
from protocol.pb.polyplane.inspect.v1 import inspect_pb2

__all__ = ["servicers"]


def servicers(gateway: Gateway) -> Mapping[ServiceDescriptor, object]:
    """Return what answers each service."""
    return {inspect_pb2.DESCRIPTOR.services_by_name["Inspect"]: InspectServicer(gateway)}
