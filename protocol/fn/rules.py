"""What the settings say of calls."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the settings say of calls."""

    takes_detached: bool = True
    response_limit: int = 0
    """Bytes of a response's body, 0 for any number."""
    header_limit: int = 65_536
    listen_s: float = 5.0
    """Time that a function process has until it listens: told when it was too little."""
