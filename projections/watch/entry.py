"""A message on its way to several watchers, with what they share of it.

1. A message is encoded at most once by each encoder, however many watchers are sent it.
2. Joined messages hold each entity once, as it was last; they are one watcher's own.
"""

from collections.abc import Iterable

from projections.view import View, stream_of
from projections.watch.subscription import Encoder, Message


class Entry:
    """One message in the queues of watchers."""

    __slots__ = ("_encoded", "first", "is_joined", "message")

    def __init__(self, message: Message, *, first: int = 0) -> None:
        self.message = message
        self.first = first or message.revision
        """Revision of the first append in it."""
        self.is_joined = first != 0
        self._encoded: list[tuple[Encoder, bytes]] = []

    def encoded(self, encoder: Encoder) -> bytes:
        """Return the message in its wire form."""
        for known, wire in self._encoded:
            if known == encoder:
                return wire
        wire = encoder(self.message.revision, self.message.views)
        self._encoded.append((encoder, wire))
        return wire


def joined(entries: Iterable[Entry]) -> Entry:
    """Return one entry for several, at least one: each entity as it was last, in stream order."""
    latest: dict[str, View] = {}
    first = revision = 0
    for entry in entries:
        first = first or entry.first
        revision = entry.message.revision
        for view in entry.message.views:
            latest[stream_of(view)] = view
    views = tuple(latest[stream] for stream in sorted(latest))
    return Entry(Message(revision=revision, views=views), first=first)
