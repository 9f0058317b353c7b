"""The flag `--version`."""

from typing import Annotated

import typer


def print_version(is_wanted: bool) -> None:  # noqa: FBT001 - as the library calls it
    """Print which polyplane this is, and end."""
    if is_wanted:
        from importlib.metadata import version  # noqa: PLC0415 - slow, and seldom asked for

        typer.echo(f"polyplane {version('polyplane')}")
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and exit.")
]
