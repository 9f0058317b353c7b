"""The façades that there are: this list is where one is added.

1. What a façade needs is handed to it here; none of them knows the plane or the settings.
"""

import os
import pwd
import socket
import time
from collections.abc import Mapping

from google.protobuf.descriptor import ServiceDescriptor

from protocol import inspect, peloton
from protocol.addresses import SocketAddress
from protocol.calls import Calls
from protocol.sandbox import SandboxDirectory
from protocol.server import Served
from protocol.settings import Settings


def make_facades(
    plane: Served, settings: Settings, http_address: SocketAddress
) -> Mapping[ServiceDescriptor, object]:
    """Make the servicers of all façades."""
    gateway = plane.gateway
    return {
        **inspect.servicers(gateway),
        **peloton.servicers(
            gateway,
            Calls(peloton.ORIGIN, new_id=gateway.new_id),
            rules=peloton.Rules(
                instances_per_job=settings.limits.instances_per_job,
                backoff_s=settings.peloton.restart_backoff_s,
                backoff_max_s=settings.peloton.restart_backoff_max_s,
                user=user(),
            ),
            sandboxes=SandboxDirectory(plane.data.pods),
            http_address=lambda: (reachable(http_address.host), http_address.port),
            now=lambda: time.time_ns() // 1000,
        ),
    }


def reachable(host: str) -> str:
    """The name under which a host that listens everywhere is reached from elsewhere."""
    return socket.gethostname() if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound


def user() -> str:
    """Name of the user whom processes run as, empty when it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""
