"""What keywords are looked for in: every text of a job's spec as its client sent it.

1. Texts only: numbers, names of fields and what the server adds for itself are not searched.
"""

from collections.abc import Iterable, Iterator

from google.protobuf.message import Message

from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2


def texts_of(attached: bytes) -> Iterator[str]:
    """Yield the texts of a spec in the form in which it is kept."""
    return _texts(stateless_pb2.JobSpec.FromString(attached))


def _texts(message: Message) -> Iterator[str]:
    for _, value in message.ListFields():
        if isinstance(value, str):
            yield value
        elif isinstance(value, Message):
            yield from _texts(value)
        elif hasattr(value, "values"):
            yield from _texts_of(value.values())
            yield from (key for key in value if isinstance(key, str))
        elif isinstance(value, Iterable) and not isinstance(value, bytes):
            yield from _texts_of(value)


def _texts_of(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, Message):
            yield from _texts(value)
