"""Events of the journal as messages.

1. A message of an event is bounded, whatever the event holds.
2. Who reads messages of many events gets them one by one, and stops when they are enough.
"""

from google.protobuf.timestamp_pb2 import Timestamp

from events.record import Recorded
from protocol.inspect.translate.spelling import Bounds, spell
from protocol.pb.polyplane.inspect.v1 import inspect_pb2 as pb

BODY = Bounds(size=16 * 1024)


def spell_event(recorded: Recorded, topic: str) -> pb.Event:
    """Return the message of an event."""
    envelope = recorded.envelope
    body = spell(recorded.event, BODY)
    event = pb.Event(
        revision=recorded.revision,
        entity=recorded.stream,
        version=recorded.version,
        topic=topic,
        time=spell_time(envelope.at),
        principal=envelope.principal,
        origin=envelope.origin,
        request_id=envelope.request_id,
        cause=envelope.cause,
        trace=envelope.trace,
        body=body.json,
        is_cut=body.is_cut,
        is_last=recorded.is_last,
    )
    if envelope.delivery is not None:
        sender, version, ordinal = envelope.delivery
        event.delivery.CopyFrom(pb.Delivery(sender=sender, version=version, ordinal=ordinal))
    return event


def spell_time(at: int) -> Timestamp:
    """Return microseconds since the epoch as the wire has them."""
    seconds, microseconds = divmod(at, 1_000_000)
    return Timestamp(seconds=seconds, nanos=microseconds * 1_000)


def read_time(time: Timestamp) -> int:
    """Return microseconds since the epoch; what is finer is left out."""
    return time.seconds * 1_000_000 + time.nanos // 1_000
