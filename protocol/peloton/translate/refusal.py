"""How translation refuses: with the path of the field and the rule it breaks.

1. A refusal is raised as the gateway raises its own, so that servicers know one kind only.
2. Text of the client is shown cut and quoted, never as it is.
"""

from actors.kernel.decider import Code, Rejection
from protocol.gateway import Refused

SHOWN = 64
"""Characters of a client's text that are repeated in a refusal."""


def invalid(field: str, rule: str) -> Refused:
    """A field breaks a rule, whatever the state of the server."""
    return Refused(Rejection(Code.INVALID, f"{field}: {rule}", field))


def unsupported(field: str, rule: str = "is not carried out by this server; leave it unset") -> Refused:
    """A field asks for something that would otherwise be silently ignored."""
    return Refused(Rejection(Code.UNSUPPORTED, f"{field}: {rule}", field))


def not_found(what: str, id: str) -> Refused:  # noqa: A002 - the name of the thing
    """Nothing is known under an id."""
    return Refused(Rejection(Code.NOT_FOUND, f"there is no {what} {shown(id)}"))


def shown(text: str) -> str:
    """Return a client's text in a form that fits into a sentence."""
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")
