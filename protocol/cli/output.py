"""The forms of output.

1. Apart from what prints them, so that the flags can name them without loading it.
"""

from enum import StrEnum


class Output(StrEnum):
    """Forms of output."""

    TEXT = "text"
    JSON = "json"
