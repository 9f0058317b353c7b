"""The place where a page ended, as opaque text, and the condition for what comes after it.

1. A cursor holds the last row's values of the ordering columns, its id among them, and the order
   that it belongs to; with another order, or changed by a client, it is refused.
2. What comes after a cursor does not depend on what was inserted or removed meanwhile.
"""

import base64
import binascii
import json
from collections.abc import Sequence

Ordering = Sequence[tuple[str, bool]]
"""Columns, each with whether it is descending; the last one is the id."""

Value = str | int


class BadCursor(ValueError):  # noqa: N818 - a refusal is named for what is wrong
    """The cursor is not one that was handed out for this order."""


def cursor_of(ordering: Ordering, values: Sequence[Value]) -> str:
    """Return the text for a row."""
    text = json.dumps([_text(ordering), *values], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def values_of(cursor: str, ordering: Ordering) -> tuple[Value, ...]:
    """Return the row's values. Raises BadCursor."""
    try:
        unpacked = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise BadCursor("the cursor cannot be read") from error
    match unpacked:
        case [str(text), *values] if text == _text(ordering) and len(values) == len(ordering):
            if all(_is_value(value) for value in values):
                return tuple(values)
    raise BadCursor("the cursor belongs to another order")


def beyond(ordering: Ordering, values: Sequence[Value]) -> tuple[str, list[Value]]:
    """Return the condition, with its parameters, for rows after the one with these values."""
    (column, is_descending), *rest = ordering
    sign = "<" if is_descending else ">"
    if not rest:
        return f"{column} {sign} ?", [values[0]]
    then, parameters = beyond(rest, values[1:])
    # The first half lets an index find the place; the second is exact.
    return f"{column} {sign}= ? AND ({column} {sign} ? OR ({then}))", [values[0], values[0], *parameters]


def _is_value(value: object) -> bool:
    """Return whether a value can be compared with a column; SQLite's integers have 64 bits."""
    return isinstance(value, str) or (type(value) is int and -(2**63) <= value < 2**63)


def _text(ordering: Ordering) -> str:
    return ",".join(f"{'-' if is_descending else '+'}{column}" for column, is_descending in ordering)
