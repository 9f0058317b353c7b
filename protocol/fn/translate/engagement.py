"""One engagement: the order of its messages, as a machine without input or output.

1. What happens is told to it by its methods, in any order in which it can happen; each answers what is
   now to be done, in order. What comes too late is answered by nothing.
2. `Finished` is answered once for every call that was understood to be one, and nothing is sent after
   it. Where messages came in an order that they may not, the stream is aborted instead.
3. "No room" is said only before a slot was had; from then on nothing is to be tried elsewhere.
4. The function is invoked at the first frame of the body, and is given each frame as it comes: what
   comes before there is a slot is kept, and little is asked for.
5. A slot that was had is settled before its call is finished: `Settle` is answered once for each.
   It is kept when the function answered by the letter, and all of its answer was read.
"""

from collections.abc import Callable, Iterable
from enum import Enum, auto

from events.frozen import frozen, replace
from protocol.fn.translate.headers import response_headers
from protocol.fn.translate.model import CallModel
from protocol.fn.translate.outcomes import (
    ANSWERED_EARLY,
    BODY_TOO_LARGE,
    CLOSED_EARLY,
    FUNCTION_FAILED,
    IMPOSSIBLE,
    INVALID_RESPONSE,
    NO_RESPONSE,
    TIMED_OUT,
    Fault,
    Unfit,
    too_early,
)
from protocol.fn.translate.spelling import ACCEPTED, OK, Birth, Ending, frames, result_start
from protocol.fn.translate.spelling import finished as spell_finished
from protocol.pb.fn import runner_pb2 as pb

KEPT = 65_536
"""Bytes of a body that are kept while there is no slot; from then on nothing more is asked for."""
_FAILED, _LATE = 502, 504
EXPECTED_TRY, EXPECTED_DATA = "ClientMsg_Try", "ClientMsg_Data"


@frozen(kw_only=False)
class Seek:
    """Look for a slot."""

    call: CallModel
    slot_hash_id: str
    extensions: tuple[tuple[str, str], ...]


@frozen(kw_only=False)
class Invoke:
    """Begin the request to the function."""


@frozen(kw_only=False)
class Feed:
    """Give the function a piece of the body."""

    body: bytes


@frozen(kw_only=False)
class FeedEnd:
    """Tell the function that its request is whole."""


@frozen(kw_only=False)
class Send:
    """Send a message; never the last one."""

    message: pb.RunnerMsg


@frozen(kw_only=False)
class Settle:
    """Store how the call ended, and free the slot; what the function still does is ended."""

    fault: Fault | None
    is_kept: bool
    """False when the slot must do no other call."""


@frozen(kw_only=False)
class Finished:
    """Send the last message, and end the stream well."""

    message: pb.RunnerMsg
    is_refused: bool
    """Whether it says that there was no room."""


@frozen(kw_only=False)
class Abort:
    """End the stream with status UNKNOWN."""

    text: str


Action = Seek | Invoke | Feed | FeedEnd | Send | Settle | Finished | Abort
Actions = tuple[Action, ...]


class Stage(Enum):
    """How far an engagement is."""

    OPEN = auto()
    SEEKING = auto()
    SLOTTED = auto()
    """It has a slot, and nothing came yet that is for the function."""
    INVOKED = auto()
    SETTLING = auto()
    OVER = auto()


class Engagement:
    """The machine.

    Args:
        response_limit: Bytes of a response's body, 0 for any number.
        now: Tells microseconds since the epoch, UTC.
    """

    def __init__(self, *, response_limit: int, now: Callable[[], int]) -> None:
        self._limit = response_limit
        self._now = now
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._is_whole = False
        self._is_detached = False
        self._has_answer = False
        self._verdict: Fault | None = None
        """What the function said of itself, told when all of its answer was read."""
        self._received = 0
        self._ending = Ending()
        self._violation = ""
        self._word: Actions = ()
        """The last word, once it is spelled."""
        self.stage = Stage.OPEN

    @property
    def is_whole(self) -> bool:
        """Whether the client's request is: what it still says is not wanted."""
        return self._is_whole

    @property
    def wants_message(self) -> bool:
        """Whether another message of the client is to be read now."""
        match self.stage:
            case Stage.OPEN:
                return True
            case Stage.SEEKING:
                return not self._is_whole and self._kept_bytes < KEPT
            case Stage.SLOTTED | Stage.INVOKED:
                return not self._is_whole
            case _:
                return False

    # ------------------------------------------------------------ from the client

    def hear(self, message: pb.ClientMsg, read: Callable[[str], CallModel]) -> Actions:
        """Take in a message; `read` reads a call. Raises nothing."""
        kind = message.WhichOneof("body")
        match self.stage:
            case Stage.SEEKING | Stage.SLOTTED | Stage.INVOKED:
                if self._is_whole:
                    return ()
                return self._take(message.data) if kind == "data" else self._violate(EXPECTED_DATA)
            case Stage.OPEN if kind == "try":
                return self._begin(getattr(message, "try"), read)
            case Stage.OPEN:
                return self._violate(EXPECTED_TRY)
            case _:
                return ()

    def half_close(self) -> Actions:
        """Take in that the client says nothing more."""
        match self.stage:
            case Stage.OPEN:
                return self._violate(EXPECTED_TRY)
            case Stage.SEEKING | Stage.SLOTTED | Stage.INVOKED if not self._is_whole:
                return self._violate(EXPECTED_DATA)
            case _:
                return ()

    def _begin(self, call: pb.TryCall, read: Callable[[str], CallModel]) -> Actions:
        self._ending = Ending(created_at=self._now())
        try:
            model = read(call.models_call_json)
        except Unfit as unfit:
            return self._refuse(unfit.fault)
        self._ending = Ending(created_at=self._ending.created_at, call_id=model.id, image=model.image)
        if model.timeout_s <= 0:
            return self._refuse(TIMED_OUT)
        self._is_detached = model.is_detached
        self.stage = Stage.SEEKING
        return (Seek(model, call.slot_hash_id, tuple(sorted(call.extensions.items()))),)

    def _take(self, frame: pb.DataFrame) -> Actions:
        self._is_whole = frame.eof
        if self.stage is Stage.INVOKED:
            return self._feed(frame.data)
        if self.stage is Stage.SEEKING:
            self._kept.append(frame.data)
            self._kept_bytes += len(frame.data)
            return ()
        return (*self._invoke(), *self._feed(frame.data))

    def _invoke(self) -> Actions:
        if self.stage is Stage.INVOKED:
            return ()
        self.stage = Stage.INVOKED
        return (Invoke(),)

    def _feed(self, body: bytes) -> Actions:
        feed: Actions = (Feed(body),) if body else ()
        return (*feed, FeedEnd()) if self._is_whole else feed

    # ------------------------------------------------------------ from the slots

    def refuse(self, fault: Fault) -> Actions:
        """Take in that there is no slot for the call."""
        return self._refuse(fault) if self.stage is Stage.SEEKING else ()

    def have_slot(self, started_at: int, birth: Birth) -> Actions:
        """Take in that the call has a slot; `started_at` in microseconds since the epoch, UTC."""
        self._ending = replace(self._ending, started_at=started_at, birth=birth)
        if self.stage is not Stage.SEEKING:  # the stream was aborted meanwhile
            return (Settle(NO_RESPONSE, is_kept=True),)
        self.stage = Stage.SLOTTED
        start: Actions = (Send(result_start(ACCEPTED)),) if self._is_detached else ()
        if not self._kept:
            return start
        kept, self._kept = self._kept, []
        return (*self._invoke(), *self._feed(b"".join(kept)), *start)

    def settled(self) -> Actions:
        """Take in that the end of the call is stored."""
        if self.stage is not Stage.SETTLING:
            return ()
        self.prepare()
        self.stage = Stage.OVER
        return self._word

    def prepare(self) -> None:
        """Spell the last word while the end is being stored: it is known by then. Else `settled` does."""
        if self.stage is Stage.SETTLING and not self._word:
            self._word = (Abort(self._violation),) if self._violation else self._finished()

    # ------------------------------------------------------------ from the function

    def answer(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> Actions:
        """Take in the head of the function's response."""
        if self.stage is not Stage.INVOKED or self._has_answer:
            return ()
        self._has_answer = True
        if status == _FAILED:
            self._verdict = FUNCTION_FAILED
        elif status == _LATE:
            self._verdict = TIMED_OUT
        elif status != OK:
            return self._settle(INVALID_RESPONSE)
        elif not self._is_whole:
            return self._settle(ANSWERED_EARLY)
        elif not self._is_detached:
            return (Send(result_start(OK, response_headers(headers))),)
        return ()

    def receive(self, body: bytes) -> Actions:
        """Take in a piece of the function's response."""
        if self.stage is not Stage.INVOKED or not self._has_answer:
            return ()
        room = len(body) if not self._limit else max(0, self._limit - self._received)
        self._received += len(body)
        is_told = self._verdict is None and not self._is_detached
        sent: Actions = tuple(Send(frame) for frame in frames(body[:room])) if is_told else ()
        if len(body) > room:
            return (*sent, *self._settle(self._verdict or BODY_TOO_LARGE))
        return sent

    def end(self, *, is_reusable: bool) -> Actions:
        """Take in that the function's response is whole."""
        if self.stage is not Stage.INVOKED or not self._has_answer:
            return ()
        return self._settle(self._verdict, is_kept=is_reusable and self._is_whole)

    def close_input(self) -> Actions:
        """Take in that the function reads no more of its request."""
        return self.fail(CLOSED_EARLY)

    def fail(self, fault: Fault) -> Actions:
        """Take in that the function, or the way to it, broke."""
        return self._settle(fault) if self.stage in (Stage.SLOTTED, Stage.INVOKED) else ()

    def time_out(self) -> Actions:
        """Take in that the function had its time."""
        return self.fail(TIMED_OUT)

    # ------------------------------------------------------------ ends

    def leave(self) -> Actions:
        """Take in that the client is gone: nothing more can be told."""
        match self.stage:
            case Stage.SLOTTED | Stage.INVOKED:
                # A slot that has seen nothing of the call is as it was.
                return self._settle(NO_RESPONSE, is_kept=self.stage is Stage.SLOTTED)
            case Stage.SETTLING | Stage.OVER:
                return ()
            case _:
                self.stage = Stage.OVER
                return ()

    def _violate(self, expected: str) -> Actions:
        self._violation = too_early(expected)
        if self.stage in (Stage.SLOTTED, Stage.INVOKED):
            return self._settle(NO_RESPONSE, is_kept=self.stage is Stage.SLOTTED)
        self.stage = Stage.OVER
        return (Abort(self._violation),)

    def _settle(self, fault: Fault | None, *, is_kept: bool = False) -> Actions:
        self.stage = Stage.SETTLING
        self._ending = replace(self._ending, fault=fault, completed_at=self._now())
        return (Settle(fault, is_kept),)

    def _refuse(self, fault: Fault) -> Actions:
        self.stage = Stage.OVER
        # What could never have a slot was not admitted, and has no name.
        call_id = "" if fault is IMPOSSIBLE else self._ending.call_id
        self._ending = replace(self._ending, fault=fault, call_id=call_id)
        return self._finished()

    def _finished(self) -> Actions:
        fault = self._ending.fault
        is_refused = fault is not None and fault.code == 503 and not self._ending.started_at  # noqa: PLR2004
        return (Finished(spell_finished(self._ending), is_refused),)
