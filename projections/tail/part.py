"""One append, or a part of a long one, as it is told; and the cutting of records into such parts.

1. Only selected events are told; an append without any is not told at all.
2. A part holds at most `PART` events. All parts of an append but the last say that more follows;
   the last one may be empty, when what follows was not selected.
3. A part is encoded at most once by each encoder, however many are told it.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from events.record import Recorded

PART = 100
"""Events of one part: few enough that encoding them keeps nobody waiting."""

T = TypeVar("T")


class Part:
    """Events that became true together."""

    __slots__ = ("_encoded", "is_fragment", "records", "revision")

    def __init__(self, revision: int, records: tuple[Recorded, ...], *, is_fragment: bool = False) -> None:
        self.revision = revision
        """Revision of the append's last event; of the last one told here, if more follows."""
        self.records = records
        self.is_fragment = is_fragment
        """True when the next part goes on with the same append."""
        self._encoded: list[tuple[object, object]] = []

    def encoded(self, encoder: "Callable[[Part], T]") -> T:
        """Return what an encoder makes of it."""
        for known, made in self._encoded:
            if known == encoder:
                return made  # type: ignore[return-value]  # what this encoder made
        made = encoder(self)
        self._encoded.append((encoder, made))
        return made


class Cutter(Generic[T]):
    """Makes parts of records that come in order, perhaps with an append cut by the end of a page."""

    def __init__(self, is_selected: Callable[[T, Recorded], bool], *, part: int = PART) -> None:
        self._is_selected = is_selected
        self._part = part
        self._open: list[Recorded] = []
        self._has_told = False
        self.is_between = True
        """True when the last record was the last of its append."""

    def cut(self, source: T, records: Iterable[Recorded]) -> Iterator[Part]:
        """Yield the parts that are complete."""
        for recorded in records:
            if self._is_selected(source, recorded):
                if len(self._open) == self._part:
                    yield Part(self._open[-1].revision, tuple(self._open), is_fragment=True)
                    self._open.clear()
                    self._has_told = True
                self._open.append(recorded)
            self.is_between = recorded.is_last
            if recorded.is_last:
                if self._open or self._has_told:
                    yield Part(recorded.revision, tuple(self._open))
                self._open.clear()
                self._has_told = False
