"""Hosts as the wire has them.

1. The label `hostname` is always there; a host's own label of that name stays beside it.
"""

from collections.abc import Iterable

from projections.hosts import HostView
from protocol.pb.peloton.api.v1alpha.host import host_pb2
from protocol.peloton.translate.states import HOST_STATES, phases_of
from protocol.peloton.translate.stored_spec import spell_labels

HOSTNAME = "hostname"


def select_hosts(hosts: Iterable[HostView], states: Iterable[int]) -> list[host_pb2.HostInfo]:
    """Spell the hosts in any of the states, all of them when no state is given."""
    phases = phases_of(states, HOST_STATES)
    if phases is None:
        return []
    return [spell_host(host) for host in hosts if not phases or host.phase in phases]


def spell_host(host: HostView) -> host_pb2.HostInfo:
    """Spell a host."""
    labels = tuple(sorted({*host.spec.labels, (HOSTNAME, host.name)}))
    return host_pb2.HostInfo(
        hostname=host.name,
        ip=host.spec.address,
        state=HOST_STATES[host.phase],
        goal_state=HOST_STATES[host.goal],
        labels=spell_labels(labels),
    )
