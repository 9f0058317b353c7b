"""What happened in a simulation, in order, and the law that it broke.

1. The story is the same for the same seed, to the last line.
2. A broken law ends the simulation; its text and the story say what for.
"""

import hashlib
from collections.abc import Callable, Iterator

EPOCH = 1_700_000_000_000_000
"""Microseconds at which every simulation begins."""


class LawBroken(AssertionError):  # noqa: N818 - said of the law
    """Something happened that must never happen."""

    def __init__(self, law: str, detail: str) -> None:
        super().__init__(f"{law}: {detail}")
        self.law = law
        self.detail = detail


class Story:
    """Lines with their time.

    Args:
        now: Tells microseconds since the epoch.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._lines: list[tuple[int, str, str]] = []

    def tell(self, who: str, what: str) -> None:
        """Add a line."""
        self._lines.append((self._now(), who, what))

    def __len__(self) -> int:
        return len(self._lines)

    def lines(self) -> Iterator[str]:
        """Yield each line as text: seconds since the beginning, who, what."""
        for at, who, what in self._lines:
            yield f"{(at - EPOCH) / 1_000_000:12.6f}  {who:<10} {what}"

    def digest(self) -> str:
        """Return a hash that equal stories share."""
        digest = hashlib.sha256()
        for line in self.lines():
            digest.update(line.encode())
            digest.update(b"\n")
        return digest.hexdigest()
