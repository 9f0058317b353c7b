"""A host is what is declared of it."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from actors.host import ALLOWED, TRANSITIONS, evolve
from actors.host.commands import DeclareHost, WithdrawHost
from actors.kernel.decider import Decision
from events.host import HostPhase, HostPhaseChanged, HostRegistered, HostRespecified
from tests.actors.host.machine import LARGE, SMALL, HostMachine, subject
from tests.actors.subject import edges_in

DECLARED = DeclareHost(name="h", spec=SMALL)


def test_keeps_the_laws_in_every_story() -> None:
    run_state_machine_as_test(HostMachine, settings=settings(max_examples=30, deadline=None))
    assert edges_in(TRANSITIONS) - HostMachine.taken == set()
    for before, _, after in edges_in(TRANSITIONS):
        assert before is None or before == after or after in ALLOWED[before]


def test_declaration_registers_then_respecifies() -> None:
    host = subject()
    assert host.decided(DECLARED).events == (HostRegistered(name="h", spec=SMALL),)
    assert host.decided(DeclareHost(name="h", spec=LARGE)).events == (HostRespecified(spec=LARGE),)
    assert host.effects == []


def test_a_withdrawn_host_is_up_again_when_it_is_declared_again() -> None:
    host = subject()
    host.decided(DECLARED)
    down = HostPhaseChanged(phase=HostPhase.DOWN, goal=HostPhase.UP, reason="no longer declared")
    assert host.decided(WithdrawHost()).events == (down,)
    up = HostPhaseChanged(phase=HostPhase.UP, goal=HostPhase.UP, reason="declared again")
    assert host.decided(DECLARED).events == (up,)


def test_a_host_in_maintenance_stays_there_when_it_is_declared() -> None:
    host = subject()
    host.decided(DECLARED)
    host.apply([HostPhaseChanged(phase=HostPhase.DOWN, goal=HostPhase.DOWN, reason="maintenance")])
    assert host.decided(DECLARED) == Decision()
    assert host.state is not None
    assert host.entity.outstanding(host.state) == ()


def test_a_host_begins_with_its_registration() -> None:
    with pytest.raises(ValueError, match="begins with HostRespecified"):
        evolve(None, "host/h", HostRespecified(spec=SMALL))
