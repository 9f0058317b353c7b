"""Keyed commands: the first accepted one leaves a receipt, every repeat gets its answer.

1. A key belongs to a principal. Its receipt is the stream `receipt/<hash of both>`.
2. While a keyed command is under way, others with its key wait for it; then they are answered
   from its receipt, or try themselves if it was refused: a refusal binds nothing.
3. A key that is not under way is looked up in the journal itself, never only in a projection.
4. The same key with another fingerprint is refused, and nothing is done.
"""

import hashlib
from collections.abc import Callable

from actors.kernel.decider import Code, Rejection
from actors.kernel.mailbox import LoopFuture
from actors.kernel.request import Accepted, Answer, Keyed
from events.receipt import ReceiptRecorded
from events.record import Recorded

OTHER_REQUEST = Rejection(
    Code.ALREADY_EXISTS,
    "the idempotency key was used before with a different request; nothing was done",
    field="idempotency-key",
)


def receipt_stream(principal: str, key: str) -> str:
    """Return the stream of the receipt for a principal's key."""
    scope = len(principal).to_bytes(4, "big") + principal.encode() + key.encode()
    return "receipt/" + hashlib.sha256(scope).hexdigest()


class Keys:
    """The keyed commands under way, and the receipts of those that were accepted."""

    def __init__(
        self,
        *,
        read: Callable[[str], Recorded | None],
        decode: Callable[[str, bytes], object],
    ) -> None:
        self._read = read
        self._decode = decode
        self._under_way: dict[str, LoopFuture[None]] = {}

    async def claim(self, keyed: Keyed) -> Answer | None:
        """Answer from the receipt, or None when the caller now holds the key and must give it back."""
        while (other := self._under_way.get(keyed.stream)) is not None:
            await other
        record = self._read(keyed.stream)
        if record is None:
            self._under_way[keyed.stream] = LoopFuture()
            return None
        return self._replay(record, keyed.fingerprint)

    def give_back(self, keyed: Keyed) -> None:
        """Let those who wait for the key go on."""
        self._under_way.pop(keyed.stream).set(None)

    def _replay(self, record: Recorded, fingerprint: str) -> Answer:
        receipt = record.event
        if not isinstance(receipt, ReceiptRecorded):
            raise TypeError(f"{record.stream} holds a {type(receipt).__name__}")
        if receipt.fingerprint != fingerprint:
            return OTHER_REQUEST
        result = self._decode(receipt.topic, receipt.result) if receipt.topic else None
        return Accepted(result, record.revision)
