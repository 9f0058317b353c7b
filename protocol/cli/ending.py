"""From what ended a command to the exit code of the process.

1. One line on stderr for everything that goes wrong by somebody else's doing; a traceback is a bug.
2. A reader of our output who leaves early ends us quietly.
3. A group of commands that is called without one prints its help as it is.
"""

import sys
from collections.abc import Callable
from contextlib import suppress

from typer import Abort
from typer.exceptions import TyperException

from protocol.cli.exits import Exit
from protocol.cli.terminal import LeftEarly, Unwritable, hang_up

NO_COMMAND = "NoArgsIsHelpError"
"""What typer calls it; the class itself is private."""
SHOWN = 60
"""Characters of a text that are shown."""


def end(command: Callable[[], object]) -> int:
    """Run a command and answer the exit code that stands for how it ended."""
    try:
        code = command()
        sys.stdout.flush()
    except TyperException as error:
        if type(error).__name__ == NO_COMMAND:
            write(f"{error.format_message()}\n")
            return Exit.USAGE
        return complain(Exit.USAGE, describe(error))
    except (Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except LeftEarly:
        hang_up()
        return Exit.OK
    except Unwritable as error:
        hang_up()
        return complain(error.code, str(error))
    except UnicodeEncodeError as error:
        if is_text(error.object):
            raise
        return complain(Exit.USAGE, f"{error.object[:SHOWN]!a}: is not UTF-8")
    except Exception as error:
        if not isinstance(getattr(error, "code", None), Exit):
            raise
        return complain(error.code, str(error))  # type: ignore[attr-defined]  # looked for above
    return code if isinstance(code, int) else Exit.OK


def is_text(text: str) -> bool:
    """Tell whether a text has none of what stands for bytes of the command line that are not UTF-8."""
    return not any("\ud800" <= it <= "\udfff" for it in text)


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
        write(f"polyplane: {line}\n")
    return code


def write(text: str) -> None:
    """Write to stderr, where the exit code alone must do if that fails."""
    with suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()
