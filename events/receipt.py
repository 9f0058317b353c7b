"""What the kernel itself records: answers to keyed commands, and repeats to refuse.

1. A receipt is written in the append of what the command did, also when it did nothing.
2. Its stream is `receipt/<hash of principal and key>`. It has one event, and another one only when
   nothing is kept any more of what the one before answered, and the key was used again.
"""

from collections.abc import Mapping
from types import MappingProxyType

from events.frozen import frozen


@frozen
class ReceiptRecorded:
    """A keyed command was accepted; who repeats it gets this answer."""

    fingerprint: str
    """Hash of the request's canonical form, without the key."""
    topic: str
    """Topic of the result, empty when there is none."""
    result: bytes
    """Body of the result in the codec's form."""


@frozen(kw_only=False)
class CommandReceived:
    """A command of another entity was answered without any other event; the envelope names it."""


KernelEvent = ReceiptRecorded | CommandReceived

TOPICS: Mapping[str, type[KernelEvent]] = MappingProxyType(
    {
        "receipt.recorded:1": ReceiptRecorded,
        "kernel.received:1": CommandReceived,
    }
)
"""The name under which each class is stored."""
