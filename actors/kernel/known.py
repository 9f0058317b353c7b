"""Which streams the journal may have: a Bloom filter, so that new ones cost no look into the journal.

1. "No" is certain, "yes" may be wrong: about one time in a hundred, and then the journal is read.
2. It says yes to everything until it was filled: a kernel that has not read its journal knows nothing.
3. A stream is added before its first event is on its way, and never taken out.
4. It takes 16 bits for each stream and sets two of them, in layers of which each has twice the room of the
   one before.
"""

BITS_EACH = 16
SMALLEST = 1 << 20
"""Bits of the first layer."""


class KnownStreams:
    """The streams that have events, or may soon have."""

    def __init__(self) -> None:
        self.is_filled = False
        self._layers = [_Layer(SMALLEST)]

    def add(self, stream: str) -> None:
        """Take note of a stream."""
        newest = self._layers[-1]
        if newest.is_full:
            newest = _Layer(2 * newest.size)
            self._layers.append(newest)
        newest.add(hash(stream))

    def may_have(self, stream: str) -> bool:
        """Return False only for a stream that has no events."""
        if not self.is_filled:
            return True
        number = hash(stream)
        for layer in self._layers:  # noqa: SIM110 - a generator would cost more than the look
            if layer.may_have(number):
                return True
        return False


class _Layer:
    """A filter of a fixed size."""

    def __init__(self, size: int) -> None:
        self.size = size
        """Bits; a power of two."""
        self._bits = bytearray(size // 8)
        self._room = size // BITS_EACH

    @property
    def is_full(self) -> bool:
        """True when one more would make wrong answers more frequent."""
        return self._room <= 0

    def add(self, number: int) -> None:
        """Take note of a hash of 64 bits."""
        bits, mask = self._bits, self.size - 1
        first, second = number & mask, (number >> 31) & mask
        bits[first >> 3] |= 1 << (first & 7)
        bits[second >> 3] |= 1 << (second & 7)
        self._room -= 1

    def may_have(self, number: int) -> bool:
        """Return False only for a hash that was not added."""
        bits, mask = self._bits, self.size - 1
        first, second = number & mask, (number >> 31) & mask
        return bool(bits[first >> 3] >> (first & 7) & 1 and bits[second >> 3] >> (second & 7) & 1)
