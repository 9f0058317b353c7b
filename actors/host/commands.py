"""What may be asked of a host."""

from dataclasses import dataclass

from events.host import HostSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclareHost:
    """The configuration declares this host: register it, or take over what changed in it."""

    name: str
    spec: HostSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawHost:
    """The configuration no longer declares this host: it takes no more pods."""

    reason: str = "no longer declared"


HostCommand = DeclareHost | WithdrawHost
