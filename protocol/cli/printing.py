"""How answers look: tables on a terminal, plain columns in a pipe, JSON when asked for.

1. `-o json` prints one JSON document, or one a line for what has no end.
2. Names in JSON are the wire's own; nothing that is unset is left out of rows, so that scripts find it.
3. What is printed of the server's words cannot command the terminal: control characters are shown.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from protocol.cli.output import Output


def as_tree(message: Message) -> dict[str, object]:
    """A message as JSON has it, with the wire's names."""
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def print_json(document: object, *, is_line: bool = False) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=None if is_line else 2) + "\n")
    sys.stdout.flush()


@contextmanager
def printed_at_the_end(document: dict[str, object], output: Output) -> Iterator[None]:
    """Print a document as it is in the end, whatever ends it."""
    try:
        yield
    finally:
        if output is Output.JSON:
            print_json(document)


def print_line(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(tame(text) + "\n")
    sys.stdout.flush()


def print_rows(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under titles."""
    cells = [[tame(str(cell)) for cell in row] for row in rows]
    if sys.stdout.isatty():
        from rich.console import Console  # noqa: PLC0415 - slow to load, wanted seldom
        from rich.table import Table  # noqa: PLC0415 - slow to load, wanted seldom

        table = Table(*titles, box=None, header_style="bold", pad_edge=False)
        for row in cells:
            table.add_row(*(plain(cell) for cell in row))
        Console().print(table)
        return
    widths = [max(len(row[place]) for row in [list(titles), *cells]) for place in range(len(titles))]
    for row in [list(titles), *cells]:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(line.rstrip() + "\n")


def plain(text: str) -> str:
    """Text in which rich sees no markup."""
    from rich.markup import escape  # noqa: PLC0415 - slow to load, wanted seldom

    return escape(text)


def tame(text: str) -> str:
    """Text without control characters."""
    return "".join(it if it.isprintable() else f"\\x{ord(it):02x}" for it in text)


def short(state: str) -> str:
    """The name of a state without its prefix."""
    return state.split("_STATE_", 1)[-1]


def counts(stats: Mapping[str, int]) -> str:
    """Pods by state, in one short text."""
    return " ".join(f"{short(state)}:{count}" for state, count in sorted(stats.items()) if count)
