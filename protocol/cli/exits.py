"""The exit codes of `polyplane`, for scripts to rely on.

1. A code once given a meaning keeps it.
"""

from enum import IntEnum


class Exit(IntEnum):
    """How a command ended."""

    OK = 0
    """It did what was asked."""
    FAILED = 1
    """The job failed, the server refused the request, or the output could not be written."""
    USAGE = 2
    """Wrong flags, arguments, files or configuration; nothing was done."""
    NOT_FOUND = 3
    """There is no such job, pod or file."""
    UNAVAILABLE = 4
    """The server cannot be reached, or the time was up."""
    CONFLICT = 5
    """Somebody else was first: it exists already, or has changed meanwhile."""
    UNAUTHENTICATED = 6
    """The server does not know the caller, or does not allow it."""
    INTERRUPTED = 130
    """Ended by Ctrl-C."""
