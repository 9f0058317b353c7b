"""Something that one façade stores with an entity and that nobody else opens.

1. The kernel carries attachments and never looks into them.
2. Only the façade that wrote an attachment reads it; `kind` and `version` tell it how.
"""

from events.frozen import frozen


@frozen(kw_only=False)
class Attachment:
    """Opaque bytes with a name."""

    kind: str
    """Who wrote it and what it is, dotted: `<api>.<what>`."""
    version: int
    """Form of the body, from 1; raised when the façade changes it."""
    body: bytes
