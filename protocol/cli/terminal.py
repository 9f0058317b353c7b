"""The stdout of a command: what fails there is told apart from everything else that fails.

1. A reader who leaves early ends the command, and so does a full disk; neither is an OSError, so that no
   command takes it for a failure of what it talks to.
2. What cannot be written in the terminal's encoding is escaped.
"""

import os
import sys
from io import BufferedWriter, FileIO, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from protocol.cli.exits import Exit

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class LeftEarly(Exception):  # noqa: N818 - said of the reader
    """Nobody reads our output any more."""


class Unwritable(Exception):  # noqa: N818 - said of stdout
    """Our output cannot be written; the text is one line."""

    def __init__(self, reason: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(f"stdout: {reason}")
        self.code = code


class Guarded(FileIO):
    """A file that says by exceptions of ours what cannot be written."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write what there is room for. Raises LeftEarly and Unwritable."""
        try:
            return super().write(data)
        except BrokenPipeError:
            raise LeftEarly from None
        except OSError as error:
            raise Unwritable(error.strerror or str(error)) from None


def guard() -> None:
    """Guard stdout from now on. Raises Unwritable when it is closed: then nothing is to be done at all."""
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for all of our life
    if sys.stdout is None:
        raise Unwritable("is closed", Exit.USAGE)
    file = Guarded(sys.stdout.fileno(), "w", closefd=False)
    sys.stdout = TextIOWrapper(
        BufferedWriter(file),
        encoding=sys.stdout.encoding,
        errors="backslashreplace",
        line_buffering=sys.stdout.isatty(),
    )


def hang_up() -> None:
    """Drop what could not be written, so that nobody tries again at the end."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
