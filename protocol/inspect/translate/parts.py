"""Parts of appends as messages of a watch, in their wire form.

1. One part makes at least one message; more when its events are long. All but the last say that
   more of the append follows.
"""

from collections.abc import Callable

from projections.tail.part import Part
from protocol.inspect.translate.events import spell_event
from protocol.pb.polyplane.inspect.v1 import inspect_pb2 as pb

MESSAGE_BYTES = 1024 * 1024
"""What the events of one message may take together."""


def spell_part(part: Part, topic_of: Callable[[object], str]) -> tuple[bytes, ...]:
    """Return the messages of a part."""
    messages: list[bytes] = []
    events: list[pb.Event] = []
    size = 0
    for recorded in part.records:
        event = spell_event(recorded, topic_of(recorded.event))
        length = event.ByteSize() + 8
        if events and size + length > MESSAGE_BYTES:
            messages.append(_message(events[-1].revision, events, is_fragment=True))
            events, size = [], 0
        events.append(event)
        size += length
    messages.append(_message(part.revision, events, is_fragment=part.is_fragment))
    return tuple(messages)


def _message(revision: int, events: list[pb.Event], *, is_fragment: bool) -> bytes:
    append = pb.Append(revision=revision, events=events, fragment=is_fragment)
    return pb.WatchResponse(append=append).SerializeToString()
