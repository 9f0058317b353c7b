"""Values that many events share: packed once, and one object in memory.

1. An interned value stands inside its event as a msgpack bin that holds its own map.
2. Packing remembers by identity: hashing a deep value costs more than packing most events.
3. Unpacking remembers by bytes, so that equal values read are one object while remembered.
4. Both memories are bounded, and only save work: forgetting changes no result.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Generic, TypeVar

T = TypeVar("T")


class Interned(Generic[T]):
    """Both directions for one class. May be used by several threads."""

    def __init__(self, pack: Callable[[T], bytes], unpack: Callable[[bytes], T], *, limit: int) -> None:
        self._pack = pack
        self._packed: dict[int, tuple[T, bytes]] = {}
        """By `id`; the value is kept with its bytes, so that its id names nothing else meanwhile."""
        self._limit = limit
        self.unpack: Callable[[bytes], T] = lru_cache(limit)(unpack)
        """Value of the bytes; the same object for the same bytes while remembered."""

    def pack(self, value: T) -> bytes:
        """Return the bytes of the value."""
        known = self._packed.get(id(value))
        if known is not None:
            return known[1]
        packed = self._pack(value)
        if len(self._packed) >= self._limit:
            self._packed.clear()  # in one step, because another thread may be reading; evicting singly is not
        self._packed[id(value)] = (value, packed)
        return packed
