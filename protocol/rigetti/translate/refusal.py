"""How translation refuses: with the path of the field and the rule it breaks.

1. A refusal is raised as the gateway raises its own, so that servicers know one kind only.
"""

from collections.abc import Generator
from contextlib import contextmanager

from actors.kernel.decider import Code, Rejection
from events.frozen import replace
from protocol.gateway import Refused


def invalid(field: str, rule: str) -> Refused:
    """A field breaks a rule, whatever the state of the server."""
    return Refused(Rejection(Code.INVALID, f"{field}: {rule}", field))


def unknown(what: str) -> Refused:
    """Nothing that the caller may know of is there under a name."""
    return Refused(Rejection(Code.NOT_FOUND, f"there is no such {what}"))


@contextmanager
def within(place: str) -> Generator[None, None, None]:
    """Say of every refusal inside in which part of a request it is."""
    try:
        yield
    except Refused as refused:
        rejection = refused.rejection
        field = f"{place}.{rejection.field}" if rejection.field else place
        raise Refused(replace(rejection, reason=f"{place}: {rejection.reason}", field=field)) from None
