"""From what ended a command to the exit code of the process.

1. One line on stderr for everything that goes wrong by somebody else's doing; a traceback is a bug.
2. A reader of our output who leaves early ends us quietly.
"""

import os
import sys
from collections.abc import Callable

from typer import Abort
from typer.exceptions import TyperException

from protocol.cli.exits import Exit


def end(command: Callable[[], object]) -> int:
    """Run a command and answer the exit code that stands for how it ended."""
    try:
        code = command()
        sys.stdout.flush()
    except TyperException as error:
        return complain(Exit.USAGE, describe(error))
    except (Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Nothing may be flushed to the pipe at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except Exception as error:
        if not isinstance(getattr(error, "code", None), Exit):
            raise
        return complain(error.code, str(error))  # type: ignore[attr-defined]  # looked for above
    return code if isinstance(code, int) else Exit.OK


def describe(error: TyperException) -> str:
    """Say what is wrong with the command line, in one line."""
    said = getattr(error, "format_message", lambda: str(error))()
    where = (
        getattr(getattr(error, "ctx", None), "command_path", "polyplane").removeprefix("polyplane").strip()
    )
    text = " ".join(str(said).split())
    return f"{where}: {text[:1].lower()}{text[1:]}" if where else f"{text[:1].lower()}{text[1:]}"


def complain(code: Exit, text: str) -> Exit:
    """Say it on stderr."""
    for line in text.splitlines():
        sys.stderr.write(f"polyplane: {line}\n")
    return code
