"""HostService: the hosts there are."""

from protocol.calls import CallContext
from protocol.gateway import Gateway
from protocol.pb.peloton.api.v1alpha.host.svc import host_svc_pb2 as svc
from protocol.peloton.errors import unary
from protocol.peloton.translate.hosts import select_hosts


class HostServicer:
    """Answers for `peloton.api.v1alpha.host.svc.HostService`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    @unary
    async def QueryHosts(  # noqa: N802 - the wire's name
        self, request: svc.QueryHostsRequest, _: CallContext
    ) -> svc.QueryHostsResponse:
        """Tell of the hosts in any of the states asked for, of all when none is asked for."""
        return svc.QueryHostsResponse(host_infos=select_hosts(self._gateway.hosts(), request.host_states))
