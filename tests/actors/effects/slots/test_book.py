"""Slots are started when they are needed, used while they are warm, and end when they are not."""

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from actors.effects.rooms import Fits, Full, TooLarge, Verdict
from actors.effects.slots.book import Book, Grant, Idle, Refuse, Retire, Start, Why
from tests.actors.effects.slots.machine import BookMachine


def book(*verdicts: Verdict, is_patient: bool = True) -> Book:
    told = iter(verdicts)
    names = iter("stuvwxyz")
    return Book(new_slot=lambda: next(names), judge=lambda _, __: next(told, Fits()), is_patient=is_patient)


def test_the_book_keeps_the_laws() -> None:
    run_state_machine_as_test(
        BookMachine, settings=settings(max_examples=150, stateful_step_count=40, deadline=None)
    )


def test_a_burst_starts_as_many_as_wait() -> None:
    it = book()
    assert it.ask(b"k", 1) == (Start("s", b"k"),)
    assert it.ask(b"k", 2) == (Start("t", b"k"),)
    assert it.ready("t") == (Grant(1, "t"),)
    assert it.free("t") == (Grant(2, "t"),)
    assert it.ready("s") == (Idle("s", 3),)
    assert it.ask(b"k", 3) == (Grant(3, "s"),)


def test_the_last_idle_is_used_first() -> None:
    it = book()
    for ticket in (1, 2):
        it.ask(b"k", ticket)
    for slot in "st":
        it.ready(slot)
    it.free("t")
    it.free("s")
    assert it.ask(b"k", 3) == (Grant(3, "s"),)


def test_a_start_that_fails_takes_along_for_whom_it_was() -> None:
    it = book()
    it.ask(b"k", 1)
    it.ask(b"k", 2)
    assert it.gone("s") == (Refuse(1, Why.FAILED),)
    assert it.ready("t") == (Grant(2, "t"),)
    assert it.gone("t") == ()
    assert it.slots == it.waiting == 0


def test_a_start_for_somebody_else_is_made_good() -> None:
    """Who was served by another's slot leaves theirs to the other; when it fails, another is started."""
    it = book()
    it.ask(b"k", 1)
    it.ask(b"k", 2)
    assert it.ready("t") == (Grant(1, "t"),)
    assert it.gone("s") == (Start("u", b"k"),)


def test_without_room_it_waits_or_is_refused() -> None:
    assert book(Full(), is_patient=False).ask(b"k", 1) == (Refuse(1, Why.NO_ROOM),)
    assert book(TooLarge()).ask(b"k", 1) == (Refuse(1, Why.TOO_LARGE),)
    it = book(Full(), Full())
    assert it.ask(b"k", 1) == ()
    assert it.look_again() == ()
    assert it.look_again() == (Start("s", b"k"),)


def test_idle_slots_make_room() -> None:
    it = book(Fits(), Fits(("s",)))
    it.ask(b"k", 1)
    it.ready("s")
    it.free("s")
    assert it.ask(b"other", 2) == (Retire("s", "another needed its place"), Start("t", b"other"))


def test_an_idle_slot_ends_unless_it_was_used() -> None:
    it = book()
    it.ask(b"k", 1)
    it.ready("s")
    (idle,) = it.free("s")
    assert isinstance(idle, Idle)
    it.ask(b"k", 2)
    assert it.expire("s", idle.stamp) == ()
    (idle,) = it.free("s")
    assert isinstance(idle, Idle)
    assert it.expire("s", idle.stamp) == (Retire("s", "idle"),)
    assert it.slots == 0


def test_who_leaves_is_not_served() -> None:
    it = book()
    it.ask(b"k", 1)
    it.abandon(1)
    it.abandon(1)
    assert it.ready("s") == (Idle("s", 1),)


def test_a_closed_book_serves_nobody() -> None:
    it = book()
    it.ask(b"k", 1)
    assert it.close() == (Refuse(1, Why.CLOSED),)
    assert it.ask(b"k", 2) == (Refuse(2, Why.CLOSED),)
