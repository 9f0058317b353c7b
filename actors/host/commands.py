"""What may be asked of a host."""

from events.frozen import frozen
from events.host import HostSpec


@frozen
class DeclareHost:
    """The configuration declares this host: register it, or take over what changed in it."""

    name: str
    spec: HostSpec


@frozen
class WithdrawHost:
    """The configuration no longer declares this host: it takes no more pods."""

    reason: str = "no longer declared"


HostCommand = DeclareHost | WithdrawHost
