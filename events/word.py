"""Closed sets of words, such as phases, that are quick to look up.

1. `Enum` hashes a member by a function of Python's; a word is a string and can be hashed as one.
   Phases are the keys of tables and counts that every fold looks into.
"""

from enum import StrEnum


class Word(StrEnum):
    """A member of a closed set, stored and shown as its value."""

    __hash__ = str.__hash__
