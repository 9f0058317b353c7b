"""How a call can end other than well: code, text and whose fault it is.

1. `RETRY` is the one outcome that a client tries elsewhere. It is said only of a call that no
   function may have seen.
2. Code 0 is no code of this API: a load balancer hides its text behind a 500.
"""

from events.frozen import frozen


@frozen(kw_only=False)
class Fault:
    """Why a call failed."""

    code: int
    text: str
    is_user: bool = False
    """True when it is the function's fault."""


class Unfit(Exception):  # noqa: N818 - said of the call
    """The call cannot be made as it is asked for."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.text)
        self.fault = fault


RETRY = Fault(503, "Timed out - server too busy")
IMPOSSIBLE = Fault(400, "Requested CPU/Memory cannot be allocated")
INVALID_IMAGE = Fault(400, "Invalid Fn image")
INVALID_JSON = Fault(400, "Invalid JSON")
INVALID_CPUS = Fault(
    400,
    "Cpus is invalid. Value should be either between [0.000 and 1024.000] or [0m and 1024000m] milliCPU"
    " units",
)
NOT_DETACHED = Fault(501, "Detach call functions are not supported on this server")
NO_RESPONSE = Fault(502, "error receiving function response", is_user=True)
FUNCTION_FAILED = Fault(502, "function failed", is_user=True)
INVALID_RESPONSE = Fault(502, "invalid function response", is_user=True)
BODY_TOO_LARGE = Fault(502, "function response body too large", is_user=True)
HEADER_TOO_LARGE = Fault(502, "function response header too large", is_user=True)
ANSWERED_EARLY = Fault(502, "function invoked write before receiving entire request", is_user=True)
CLOSED_EARLY = Fault(502, "function closed pipe while receiving request", is_user=True)
TIMED_OUT = Fault(504, "Timed out", is_user=True)


def unparsable(text: str) -> Fault:
    """Spell that the call could not be read."""
    return Fault(0, text)


def invalid_header(name: str) -> Fault:
    """Spell that a header of the call would change what the function is sent."""
    return Fault(400, f"Invalid header {name[:64]!r}")


def request_header_too_large(limit: int) -> Fault:
    """Spell that all headers of the call together are too long."""
    return Fault(413, f"Request header too large: more than {limit} bytes", is_user=True)


def not_initialized(reason: str) -> Fault:
    """Spell that what should do the call never came up."""
    return Fault(502, f"Container failed to initialize, {reason}", is_user=True)


def initialized_late(seconds: float) -> Fault:
    """Spell that what should do the call was not listening in time."""
    return Fault(504, f"Container initialization timed out, not listening within {seconds:g} s", is_user=True)


def too_early(expected: str) -> str:
    """Spell the status of a stream whose messages come in another order."""
    return f"Protocol failure: expected {expected}"
