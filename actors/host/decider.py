"""What a host decides: to be what the configuration declares.

1. `decide` makes facts of a command, `evolve` makes a state of facts, `react` and `outstanding`
   name what must be done in the world. All are pure.
2. A host asks for nothing: who places pods follows the committed events itself.
"""

from typing import assert_never

from actors.host.commands import DeclareHost, HostCommand, WithdrawHost
from actors.host.state import HostState
from actors.kernel.decider import Code, Context, Decision, Outcome, Rejection
from events.frozen import replace
from events.host import HostEvent, HostPhase, HostPhaseChanged, HostRegistered, HostRespecified


def decide(state: HostState | None, command: HostCommand, _context: Context) -> Outcome:
    """Say whether the command may happen, and what is then true."""
    match command:
        case DeclareHost():
            if state is None:
                return Decision(events=(HostRegistered(name=command.name, spec=command.spec),))
            events: tuple[HostEvent, ...] = ()
            if command.spec != state.spec:
                events += (HostRespecified(spec=command.spec),)
            if state.phase is HostPhase.DOWN and state.goal is HostPhase.UP:
                events += (HostPhaseChanged(phase=HostPhase.UP, goal=HostPhase.UP, reason="declared again"),)
            return Decision(events=events)
        case WithdrawHost():
            if state is None:
                return Rejection(Code.NOT_FOUND, "there is no such host")
            if state.phase is HostPhase.DOWN:
                return Decision()
            down = HostPhaseChanged(phase=HostPhase.DOWN, goal=state.goal, reason=command.reason)
            return Decision(events=(down,))
        case _:
            assert_never(command)


def evolve(state: HostState | None, _stream: str, event: HostEvent) -> HostState:
    """Return the state after an event."""
    if isinstance(event, HostRegistered):
        return HostState(name=event.name, spec=event.spec, phase=HostPhase.UP, goal=HostPhase.UP)
    if state is None:
        raise ValueError(f"the stream of a host begins with {type(event).__name__}")
    match event:
        case HostRespecified():
            return replace(state, spec=event.spec)
        case HostPhaseChanged():
            return replace(state, phase=event.phase, goal=event.goal, reason=event.reason)
        case _:
            assert_never(event)


def react(_state: HostState, event: HostEvent) -> tuple[()]:
    """Name what an event asks for: nothing."""
    match event:
        case HostRegistered() | HostRespecified() | HostPhaseChanged():
            return ()
        case _:
            assert_never(event)


def outstanding(_state: HostState) -> tuple[()]:
    """Name what may still have to be done after a restart: nothing."""
    return ()
