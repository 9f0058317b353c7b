"""Engagements in any order of what can happen, beside a model of what was heard and told."""

import json

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from protocol.fn.translate.engagement import (
    Abort,
    Actions,
    Engagement,
    Feed,
    FeedEnd,
    Finished,
    Invoke,
    Seek,
    Send,
    Settle,
    Stage,
)
from protocol.fn.translate.model import read_model
from protocol.fn.translate.outcomes import IMPOSSIBLE, NO_RESPONSE, RETRY
from protocol.fn.translate.spelling import FRAME, Birth
from protocol.pb.fn import runner_pb2 as pb

LIMIT = 30_000
BODIES = st.sampled_from([b"", b"a", b"b" * 100, b"c" * FRAME, b"d" * (FRAME + 1), b"e" * 25_000])


def call(text: str, slot_hash_id: str = "") -> pb.ClientMsg:
    """The first message; its field has a name that Python keeps for itself."""
    message = pb.ClientMsg()
    getattr(message, "try").CopyFrom(pb.TryCall(models_call_json=text, slot_hash_id=slot_hash_id))
    return message


def frame(body: bytes = b"", *, eof: bool = False) -> pb.ClientMsg:
    return pb.ClientMsg(data=pb.DataFrame(data=body, eof=eof))


class EngagementMachine(RuleBasedStateMachine):
    """Whatever happens, the laws of the module hold."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = 1_000_000
        self.machine = Engagement(response_limit=LIMIT, now=self.tick)
        self.wanted = self.fed = b""
        self.is_eof = self.was_fed_eof = False
        self.answered = self.sent = b""
        self.starts = self.settles = self.lasts = self.invocations = 0
        self.seeks = 0
        self.had_slot = self.is_settled = self.is_gone = self.is_detached = False
        self.status = 0

    def tick(self) -> int:
        self.clock += 1
        return self.clock

    def play(self, actions: Actions) -> None:
        for action in actions:
            assert not self.lasts, "nothing follows the last"
            match action:
                case Seek():
                    self.seeks += 1
                case Invoke():
                    assert self.had_slot
                    self.invocations += 1
                case Feed(body):
                    assert self.invocations
                    assert not self.was_fed_eof
                    self.fed += body
                case FeedEnd():
                    assert self.invocations
                    self.was_fed_eof = True
                case Send(message):
                    self.told(message)
                case Settle():
                    assert self.had_slot
                    self.settles += 1
                case Finished(message, is_refused):
                    self.lasts += 1
                    assert not (is_refused and self.had_slot), "no refusal after there was a slot"
                    assert self.had_slot == self.settles == (1 if self.had_slot else 0)
                    finished = message.finished
                    assert finished.success == (finished.errorStr == "")
                    assert bool(finished.startedAt) == self.had_slot
                    assert finished.success <= (self.sent == self.answered or self.is_detached)
                case Abort():
                    self.lasts += 1

    def told(self, message: pb.RunnerMsg) -> None:
        match message.WhichOneof("body"):
            case "result_start":
                self.starts += 1
                assert not self.sent
                assert message.result_start.http.status_code == (202 if self.is_detached else 200)
            case "data":
                assert self.starts == 1
                assert not self.is_detached
                assert 0 < len(message.data.data) <= FRAME
                self.sent += message.data.data
            case other:
                raise AssertionError(other)

    @initialize(detached=st.booleans())
    def begin(self, *, detached: bool) -> None:
        self.is_detached = detached

    @rule(timeout=st.sampled_from([0, 5, 5, 5]), is_fit=st.sampled_from([True, True, True, False]))
    def call(self, timeout: int, *, is_fit: bool) -> None:
        kind = "detached" if self.is_detached else "sync"
        model = json.dumps({"id": "c", "timeout": timeout, "type": kind}) if is_fit else "{"
        self.play(self.machine.hear(call(model), read_model))

    @rule(body=BODIES, eof=st.booleans())
    def frame(self, body: bytes, *, eof: bool) -> None:
        if self.seeks and not self.is_eof and self.machine.stage is not Stage.SETTLING and not self.is_gone:
            self.wanted += body
            self.is_eof = eof
        self.play(self.machine.hear(frame(body, eof=eof), read_model))

    @rule()
    def nothing(self) -> None:
        self.play(self.machine.hear(pb.ClientMsg(), read_model))

    @rule()
    def half_close(self) -> None:
        self.play(self.machine.half_close())

    @precondition(lambda self: self.seeks and not self.had_slot and not self.lasts)
    @rule()
    def have_slot(self) -> None:
        self.had_slot = True
        self.play(self.machine.have_slot(self.tick(), Birth()))

    @precondition(lambda self: self.seeks and not self.had_slot)
    @rule(fault=st.sampled_from([RETRY, IMPOSSIBLE]))
    def refuse(self, fault: object) -> None:
        self.play(self.machine.refuse(RETRY if fault is RETRY else IMPOSSIBLE))

    @rule()
    def prepare(self) -> None:
        """At any time, and whatever comes after it: it makes no difference."""
        self.machine.prepare()

    @precondition(lambda self: self.settles and not self.is_settled)
    @rule()
    def settle(self) -> None:
        self.is_settled = True
        self.play(self.machine.settled())

    @precondition(lambda self: self.invocations)
    @rule(status=st.sampled_from([200, 200, 200, 502, 504, 500, 100]))
    def answer(self, status: int) -> None:
        self.play(self.machine.answer(status, ((b"x", b"y"),)))

    @precondition(lambda self: self.invocations)
    @rule(body=BODIES)
    def receive(self, body: bytes) -> None:
        if self.machine.stage is Stage.INVOKED and self.starts and not self.is_detached:
            self.answered += body
        self.play(self.machine.receive(body))

    @precondition(lambda self: self.invocations)
    @rule(is_reusable=st.booleans())
    def end(self, *, is_reusable: bool) -> None:
        self.play(self.machine.end(is_reusable=is_reusable))

    @precondition(lambda self: self.invocations)
    @rule()
    def close_input(self) -> None:
        self.play(self.machine.close_input())

    @precondition(lambda self: self.had_slot)
    @rule()
    def fail(self) -> None:
        self.play(self.machine.fail(NO_RESPONSE))

    @precondition(lambda self: self.had_slot)
    @rule()
    def time_out(self) -> None:
        self.play(self.machine.time_out())

    @rule()
    def leave(self) -> None:
        self.is_gone = True
        self.play(self.machine.leave())

    @invariant()
    def each_thing_once(self) -> None:
        assert max(self.starts, self.settles, self.lasts, self.invocations, self.seeks) <= 1
        assert self.starts <= self.had_slot
        assert self.machine.stage is not Stage.OVER or self.settles == self.had_slot or self.is_gone

    @invariant()
    def bodies_are_whole(self) -> None:
        assert self.wanted.startswith(self.fed)
        assert self.answered.startswith(self.sent)
        assert len(self.sent) <= LIMIT
        assert not self.was_fed_eof or self.fed == self.wanted

    def teardown(self) -> None:
        """An understood call that goes on to its end is told of exactly once."""
        if self.machine.stage is Stage.SEEKING:
            self.play(self.machine.refuse(RETRY))
        self.play(self.machine.time_out())
        if self.settles and not self.is_settled:
            self.play(self.machine.settled())
        if self.seeks and not self.is_gone:
            assert self.lasts == 1
