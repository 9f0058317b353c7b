"""Mounts every service on the server: the façades', and what all servers offer beside them.

1. What no façade builds answers UNIMPLEMENTED; no service of the five APIs is ever missing.
"""

from collections.abc import Callable, Mapping
from typing import cast

from google.protobuf.descriptor import ServiceDescriptor
from grpc_channelz.v1 import channelz_pb2
from grpc_channelz.v1._async import ChannelzServicer
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

from protocol.health import Health
from protocol.pb.backend.api.v1beta1 import error_pb2
from protocol.unimplemented import SERVICES, Before, Mountable, as_it_is, mount

HEALTH = cast("ServiceDescriptor", health_pb2.DESCRIPTOR.services_by_name["Health"])
REFLECTION = cast("ServiceDescriptor", reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"])
CHANNELZ = cast("ServiceDescriptor", channelz_pb2.DESCRIPTOR.services_by_name["Channelz"])

UNREFERENCED = (error_pb2.DESCRIPTOR,)
"""Files that no service imports; they are imported here, so that reflection can tell of them."""


def mount_services(
    server: Mountable,
    facades: Mapping[ServiceDescriptor, object],
    is_serving: Callable[[], bool],
    before: Before = as_it_is,
) -> Health:
    """Mount everything, and answer the health service, which has to be told of changes."""
    ours = [service for service in facades if service not in SERVICES]
    names = [it.full_name for it in (*SERVICES, *ours, HEALTH, REFLECTION, CHANNELZ)]
    health = Health(names, is_serving)
    beside = {HEALTH: health, REFLECTION: ReflectionServicer(names), CHANNELZ: ChannelzServicer()}
    mount(server, {**facades, **beside}, before)
    return health
