"""Messages of an engagement come in order, whatever happens in between."""

import json

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from protocol.fn.translate.engagement import (
    Abort,
    Action,
    Engagement,
    Feed,
    FeedEnd,
    Finished,
    Invoke,
    Seek,
    Send,
    Settle,
)
from protocol.fn.translate.model import read_model
from protocol.fn.translate.outcomes import (
    ANSWERED_EARLY,
    BODY_TOO_LARGE,
    CLOSED_EARLY,
    FUNCTION_FAILED,
    INVALID_RESPONSE,
    NO_RESPONSE,
    RETRY,
    TIMED_OUT,
    Fault,
)
from protocol.fn.translate.spelling import Birth, Ending, finished, frames, spell_time
from protocol.pb.fn import runner_pb2 as pb
from tests.protocol.fn.machine import EngagementMachine, call, frame

NOW = 1_700_000_000_123_456


def engagement(limit: int = 0) -> Engagement:
    return Engagement(response_limit=limit, now=lambda: NOW)


def opened(machine: Engagement, **keys: object) -> Seek:
    model = json.dumps({"id": "c1", "image": "img", "timeout": 5, **keys})
    (seek,) = machine.hear(call(model, "00"), read_model)
    assert isinstance(seek, Seek)
    return seek


def invoked(machine: Engagement, *, eof: bool = True, **keys: object) -> None:
    opened(machine, **keys)
    machine.hear(frame(b"in", eof=eof), read_model)
    machine.have_slot(NOW, Birth())


def last(actions: tuple[Action, ...]) -> pb.CallFinished:
    (action,) = actions
    assert isinstance(action, Finished)
    return action.message.finished


def settling(actions: tuple[Action, ...], fault: Fault | None, *, is_kept: bool) -> None:
    assert actions[-1:] == (Settle(fault, is_kept),)


def test_the_machine_keeps_the_laws() -> None:
    run_state_machine_as_test(
        EngagementMachine, settings=settings(max_examples=200, stateful_step_count=30, deadline=None)
    )


def test_a_call_from_its_beginning_to_its_end() -> None:
    machine = engagement()
    assert opened(machine).slot_hash_id == "00"
    assert machine.hear(frame(b"one"), read_model) == ()
    assert machine.have_slot(NOW + 1000, Birth()) == (Invoke(), Feed(b"one"))
    assert machine.hear(frame(b"two", eof=True), read_model) == (Feed(b"two"), FeedEnd())
    assert machine.hear(frame(b"late"), read_model) == ()
    (start,) = machine.answer(200, ((b"A", b"1"), (b"A", b"2"), (b"Connection", b"close")))
    assert isinstance(start, Send)
    headers = start.message.result_start.http.headers
    assert [(line.key, line.value) for line in headers] == [("A", "1"), ("A", "2")]
    assert machine.receive(b"out") == tuple(Send(each) for each in frames(b"out"))
    settling(machine.end(is_reusable=True), None, is_kept=True)
    told = last(machine.settled())
    assert (told.success, told.details, told.image) == (True, "c1", "img")
    assert told.createdAt == "2023-11-14T22:13:20.123Z"
    assert told.schedulerDuration == 1_000_000


def test_an_empty_frame_that_ends_invokes_too() -> None:
    machine = engagement()
    opened(machine)
    machine.have_slot(NOW, Birth())
    assert machine.hear(frame(eof=True), read_model) == (Invoke(), FeedEnd())


def test_order_is_kept_or_the_stream_is_aborted() -> None:
    expected_try = (Abort("Protocol failure: expected ClientMsg_Try"),)
    expected_data = Abort("Protocol failure: expected ClientMsg_Data")
    assert engagement().hear(frame(b"x"), read_model) == expected_try
    assert engagement().hear(pb.ClientMsg(), read_model) == expected_try
    assert engagement().half_close() == expected_try
    machine = engagement()
    opened(machine)
    assert machine.half_close() == (expected_data,)
    machine = engagement()
    invoked(machine, eof=False)
    settling(machine.hear(call("{}"), read_model), NO_RESPONSE, is_kept=False)
    assert machine.settled() == (expected_data,)


def test_a_slot_that_comes_after_the_stream_is_given_back_unused() -> None:
    machine = engagement()
    opened(machine)
    machine.half_close()
    settling(machine.have_slot(NOW, Birth()), NO_RESPONSE, is_kept=True)
    assert machine.settled() == ()


def test_what_is_not_understood_is_told_without_an_id() -> None:
    told = last(engagement().hear(call("{"), read_model))
    assert (told.success, told.errorCode, told.details) == (False, 0, "")
    assert told.errorStr


def test_no_time_is_no_call() -> None:
    told = last(engagement().hear(call('{"id": "c", "timeout": 0}'), read_model))
    assert (told.errorCode, told.errorStr, told.details) == (504, "Timed out", "c")


def test_a_refusal_is_told_only_where_there_was_no_slot() -> None:
    machine = engagement()
    opened(machine)
    told = last(machine.refuse(RETRY))
    assert (told.errorCode, told.errorStr, told.startedAt) == (503, "Timed out - server too busy", "")
    machine = engagement()
    invoked(machine)
    assert machine.refuse(RETRY) == ()


def test_what_the_function_says_decides_about_its_slot() -> None:
    for status, fault, is_kept in (
        (502, FUNCTION_FAILED, True),
        (504, TIMED_OUT, True),
        (500, INVALID_RESPONSE, False),
        (404, INVALID_RESPONSE, False),
    ):
        machine = engagement()
        invoked(machine)
        actions = machine.answer(status, ())
        if is_kept:
            assert actions == machine.receive(b"why") == ()
            actions = machine.end(is_reusable=True)
        settling(actions, fault, is_kept=is_kept)
        assert last(machine.settled()).errorUser


def test_an_answer_before_the_question_is_whole_is_no_answer() -> None:
    machine = engagement()
    invoked(machine, eof=False)
    settling(machine.answer(200, ()), ANSWERED_EARLY, is_kept=False)
    machine = engagement()
    invoked(machine, eof=False)
    settling(machine.close_input(), CLOSED_EARLY, is_kept=False)


def test_too_long_a_response_is_sent_as_far_as_it_may_be() -> None:
    machine = engagement(limit=10)
    invoked(machine)
    machine.answer(200, ())
    actions = (*machine.receive(b"12345678"), *machine.receive(b"9abc"))
    assert b"".join(each.message.data.data for each in actions if isinstance(each, Send)) == b"123456789a"
    settling(actions, BODY_TOO_LARGE, is_kept=False)
    assert last(machine.settled()).errorStr == "function response body too large"


def test_a_detached_call_is_accepted_when_it_starts() -> None:
    machine = engagement()
    opened(machine, type="detached")
    (start,) = machine.have_slot(NOW, Birth())
    assert isinstance(start, Send)
    assert start.message.result_start.http.status_code == 202
    machine.hear(frame(eof=True), read_model)
    assert machine.answer(200, ()) == machine.receive(b"thrown away") == ()
    settling(machine.end(is_reusable=True), None, is_kept=True)
    assert last(machine.settled()).success


def test_who_leaves_is_told_nothing_and_his_function_is_not_used_again() -> None:
    machine = engagement()
    invoked(machine)
    settling(machine.leave(), NO_RESPONSE, is_kept=False)
    machine = engagement()
    opened(machine)
    assert machine.leave() == ()


def test_who_leaves_before_anything_was_for_his_function_leaves_it_to_others() -> None:
    """The slot was had, but no frame came: there is nothing that the function would have to forget."""
    machine = engagement()
    opened(machine, type="detached")
    machine.have_slot(NOW, Birth())
    settling(machine.leave(), NO_RESPONSE, is_kept=True)


def test_only_a_little_is_kept_while_there_is_no_slot() -> None:
    machine = engagement()
    opened(machine)
    while machine.wants_message:
        machine.hear(frame(b"x" * 10_240), read_model)
    machine.have_slot(NOW, Birth())
    assert machine.wants_message


def test_times_are_spelled_with_milliseconds() -> None:
    assert spell_time(NOW) == "2023-11-14T22:13:20.123Z"
    assert spell_time(0) == ""
    begun = finished(Ending(created_at=NOW, started_at=NOW + 5000, completed_at=NOW)).finished
    assert (begun.completedAt, begun.executionDuration) == (begun.startedAt, 0)
