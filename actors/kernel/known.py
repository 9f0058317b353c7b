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
        self._newest = _Layer(SMALLEST)
        self._layers = [self._newest]

    def add(self, stream: str) -> None:
        """Take note of a stream."""
        newest = self._newest
        if newest.room <= 0:
            newest = self._newest = _Layer(2 * newest.size)
            self._layers.append(newest)
        number, bits, mask = hash(stream), newest.bits, newest.size - 1
        first, second = number & mask, (number >> 31) & mask
        bits[first >> 3] |= 1 << (first & 7)
        bits[second >> 3] |= 1 << (second & 7)
        newest.room -= 1

    def may_have(self, stream: str) -> bool:
        """Return False only for a stream that has no events."""
        if not self.is_filled:
            return True
        number = hash(stream)
        for layer in self._layers:
            bits, mask = layer.bits, layer.size - 1
            first, second = number & mask, (number >> 31) & mask
            if bits[first >> 3] >> (first & 7) & 1 and bits[second >> 3] >> (second & 7) & 1:
                return True
        return False


class _Layer:
    """A filter of a fixed size."""

    __slots__ = ("bits", "room", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        """Bits; a power of two."""
        self.bits = bytearray(size // 8)
        self.room = size // BITS_EACH
        """How many more may be added before wrong answers become more frequent."""
