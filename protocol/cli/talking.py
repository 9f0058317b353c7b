"""How a command talks to a server: on a loop of its own, over one connection, which is closed at its end.

1. This module imports nothing slow, as `main.py` does not.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from protocol.cli.output import Output

if TYPE_CHECKING:
    from protocol.cli.connection import Connection
    from protocol.cli.exits import Exit

T = TypeVar("T")

SERVER = "127.0.0.1:7700"
LONGEST_S = 31_536_000.0
"""A year: what is longer is as good as for ever, and more than some clocks can count."""


def bounded(seconds: float) -> float:
    """Return the seconds of a flag, `inf` as a year."""
    return min(seconds, LONGEST_S)


ServerOption = Annotated[
    str,
    typer.Option("--server", envvar="POLYPLANE_SERVER", metavar="HOST:PORT", help="The server to talk to."),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Form of the output.")]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", min=0.1, callback=bounded, help="Seconds to wait at most.")
]


def finish(server: str, command: "Callable[[Connection], Awaitable[Exit]]") -> NoReturn:
    """Run a command against a server and end with its code."""
    raise typer.Exit(talk(server, command))


def talk(server: str, command: "Callable[[Connection], Awaitable[T]]") -> T:
    """Run a command against a server."""
    import asyncio  # noqa: PLC0415 - rule 1

    from protocol.cli.connection import Connection  # noqa: PLC0415 - rule 1

    async def converse() -> T:
        connection = Connection.open(server)
        try:
            return await command(connection)
        finally:
            await connection.close()

    return asyncio.run(converse())
