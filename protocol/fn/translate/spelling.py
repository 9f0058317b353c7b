"""What the runner says: result starts, frames, and how a call ended.

1. A frame has at most 10 240 bytes; only a client marks its last one.
2. Times are microseconds since the epoch, UTC, here, and RFC 3339 with milliseconds on the wire.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache

from events.frozen import frozen
from protocol.fn.translate.outcomes import Fault
from protocol.pb.fn import runner_pb2 as pb

FRAME = 10_240
OK, ACCEPTED = 200, 202


@frozen
class Birth:
    """How long the start of a process took: told of the call that caused it, in nanoseconds."""

    prepare_ns: int = 0
    create_ns: int = 0
    listen_ns: int = 0


@frozen
class Ending:
    """A call from its beginning to its end."""

    call_id: str = ""
    """Empty for one that was not understood."""
    image: str = ""
    fault: Fault | None = None
    created_at: int = 0
    started_at: int = 0
    """0 when nothing began to do it."""
    completed_at: int = 0
    birth: Birth = Birth()


def finished(ending: Ending) -> pb.RunnerMsg:
    """Spell the last message of a call."""
    fault, birth = ending.fault, ending.birth
    message = pb.CallFinished(
        success=fault is None,
        details=ending.call_id,
        errorCode=fault.code if fault else 0,
        errorStr=fault.text if fault else "",
        errorUser=fault.is_user if fault else False,
        image=ending.image,
        createdAt=spell_time(ending.created_at),
        ctrPrepDuration=birth.prepare_ns,
        ctrCreateDuration=birth.create_ns,
        initStartTime=birth.listen_ns,
    )
    if ending.started_at:
        completed_at = max(ending.completed_at, ending.started_at)
        message.startedAt = spell_time(ending.started_at)
        message.completedAt = spell_time(completed_at)
        message.schedulerDuration = max(0, ending.started_at - ending.created_at) * 1000
        message.executionDuration = (completed_at - ending.started_at) * 1000
    return pb.RunnerMsg(finished=message)


def result_start(status: int, headers: Iterable[tuple[str, str]] = ()) -> pb.RunnerMsg:
    """Spell the head of a response."""
    message = pb.RunnerMsg()
    http = message.result_start.http  # in place: a message that is handed over is copied
    http.status_code = status
    for name, value in headers:
        http.headers.add(key=name, value=value)
    return message


def frames(body: bytes) -> Iterator[pb.RunnerMsg]:
    """Cut a piece of a body into frames."""
    for start in range(0, len(body), FRAME):
        message = pb.RunnerMsg()
        message.data.data = body[start : start + FRAME]
        yield message


def spell_time(at: int) -> str:
    """Spell a time, 0 as nothing."""
    if not at:
        return ""
    return f"{_spell_second(at // 1_000_000)}.{at % 1_000_000 // 1000:03d}Z"


@lru_cache(maxsize=64)
def _spell_second(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"
