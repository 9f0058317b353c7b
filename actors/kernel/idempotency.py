"""Keyed commands: the first accepted one leaves a receipt, every repeat gets its answer.

1. A key belongs to a principal. Its receipt is the stream `receipt/<hash of both>`.
2. While a keyed command is under way, others with its key wait for it; then they are answered
   from its receipt, or try themselves if it was refused: a refusal binds nothing.
3. A key that is not under way is looked up in the journal itself, never only in a projection.
4. The same key with another fingerprint is refused, and nothing is done.
5. A key that is held twice, by a caller and by what is decided for him, is free when both gave it back:
   a caller who goes away while that is on its way to disk frees nothing.
6. A key is free again when nothing is kept any more of what its receipt answered; who claims it can
   say so. The next receipt follows the earlier one in the same stream.
"""

import hashlib
from collections.abc import Callable

from actors.kernel.decider import Code, Rejection
from actors.kernel.mailbox import LoopFuture
from actors.kernel.request import Accepted, Answer, Keyed
from events.codec import UnreadableEvent
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
        self._held_again: dict[str, int] = {}
        """How many hold a key beside who claimed it; none of them 0."""

    async def claim(self, keyed: Keyed, is_kept: Callable[[object], bool] = lambda _: True) -> Answer | Keyed:
        """Answer from the receipt, or with the key that the caller now holds and must give back.

        Args:
            keyed: The key.
            is_kept: Tells of an answer whether anything of what it is about is still kept.
        """
        while (other := self._under_way.get(keyed.stream)) is not None:
            await other
        return self.take(keyed, is_kept)

    def is_under_way(self, keyed: Keyed) -> bool:
        """Tell whether somebody holds the key."""
        return keyed.stream in self._under_way

    def take(self, keyed: Keyed, is_kept: Callable[[object], bool] = lambda _: True) -> Answer | Keyed:
        """Claim a key that nobody holds."""
        try:
            record = self._read(keyed.stream)
            receipt = None if record is None else _receipt(record)
            result = self._decode(receipt.topic, receipt.result) if receipt and receipt.topic else None
        except UnreadableEvent as error:
            return Rejection(Code.UNAVAILABLE, f"what the idempotency key stands for cannot be read: {error}")
        if record is not None and receipt is not None:
            if is_kept(result):
                is_same = receipt.fingerprint == keyed.fingerprint
                return Accepted(result, record.revision) if is_same else OTHER_REQUEST
            keyed = keyed._replace(version=record.version + 1)
        self._under_way[keyed.stream] = LoopFuture()
        return keyed

    def hold(self, keyed: Keyed) -> None:
        """Hold a key that was claimed once more: it has to be given back once more."""
        self._held_again[keyed.stream] = self._held_again.get(keyed.stream, 0) + 1

    def give_back(self, keyed: Keyed) -> None:
        """Let those who wait for the key go on, unless it is still held by another."""
        stream = keyed.stream
        others = self._held_again.pop(stream, 0)
        if others > 1:
            self._held_again[stream] = others - 1
        if not others:
            self._under_way.pop(stream).set(None)


def _receipt(record: Recorded) -> ReceiptRecorded:
    if not isinstance(record.event, ReceiptRecorded):
        raise TypeError(f"{record.stream} holds a {type(record.event).__name__}")
    return record.event
