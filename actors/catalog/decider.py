"""What an entry of the catalog decides: to keep the manifest that was written last, or none.

1. `decide` makes facts of a command, `evolve` makes a state of facts. Both are pure.
2. To write what it says already changes nothing, and so does deleting what is not there.
"""

from typing import assert_never

from actors.catalog.commands import CatalogCommand, DeleteEntry, WriteEntry
from actors.catalog.state import CatalogState
from actors.kernel.decider import Context, Decision
from events.catalog import CatalogDeleted, CatalogEvent, CatalogPhase, CatalogWritten
from events.frozen import replace

P = CatalogPhase


def decide(state: CatalogState | None, command: CatalogCommand, context: Context) -> Decision:
    """Say what is true after the command: there is nothing that it could be refused for."""
    del context
    is_there = state is not None and state.phase is P.CREATED
    match command:
        case WriteEntry():
            if state is not None and is_there and state.manifest == command.manifest:
                return Decision()
            number = 1 if state is None else state.number + 1
            written = CatalogWritten(
                kind=command.kind, name=command.name, number=number, manifest=command.manifest
            )
            return Decision(events=(written,))
        case DeleteEntry():
            return Decision(events=(CatalogDeleted(),) if is_there else ())
        case _:
            assert_never(command)


def evolve(state: CatalogState | None, _stream: str, event: CatalogEvent) -> CatalogState:
    """Return the state after an event."""
    match event:
        case CatalogWritten():
            return CatalogState(
                phase=P.CREATED,
                kind=event.kind,
                name=event.name,
                number=event.number,
                manifest=event.manifest,
            )
        case CatalogDeleted():
            if state is None:
                raise ValueError("the stream of an entry begins with CatalogDeleted")
            return replace(state, phase=P.DELETED)
        case _:
            assert_never(event)


def react(_state: CatalogState, _event: CatalogEvent) -> tuple[()]:
    """Name what an event asks for: nothing."""
    return ()


def outstanding(_state: CatalogState) -> tuple[()]:
    """Name what may still have to be done after a restart: nothing."""
    return ()
