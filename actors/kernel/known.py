"""Which streams the journal may have: a Bloom filter, so that new ones cost no look into the journal.

1. "No" is certain, "yes" may be wrong: about one time in a hundred, and then the journal is read.
2. It says yes to everything until it was filled: a kernel that has not read its journal knows nothing.
3. A stream is added before its first event is on its way, and never taken out.
4. It takes 10 bits for each stream, in layers of which each has twice the room of the one before.
"""

BITS_EACH = 10
PROBES = 5
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
        return any(layer.may_have(number) for layer in self._layers)


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
        bits, mask, step = self._bits, self.size - 1, number >> 31 | 1
        for _ in range(PROBES):
            place = number & mask
            bits[place >> 3] |= 1 << (place & 7)
            number += step
        self._room -= 1

    def may_have(self, number: int) -> bool:
        """Return False only for a hash that was not added."""
        bits, mask, step = self._bits, self.size - 1, number >> 31 | 1
        for _ in range(PROBES):
            place = number & mask
            if not bits[place >> 3] >> (place & 7) & 1:
                return False
            number += step
        return True
