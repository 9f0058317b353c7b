"""Finds the socket on which a process that was started listens.

1. The process makes it in a directory of its own: a socket, or a relative link to one there. Anything
   else by that name is refused: a link may lead anywhere.
2. It is looked for with pauses that are short beside the time that has passed: a process that takes twice as
   long to start is found as exactly, in proportion. The first look is before the process can have begun.
"""

import asyncio
import stat
from pathlib import Path

FIRST_PAUSE_S, LAST_PAUSE_S = 0.001, 0.02
SHARE = 0.02
"""Of the time that has passed: the next pause."""


class BadSocket(Exception):  # noqa: N818 - said of what was found
    """What stands in the socket's place is none; the text says what."""


async def find_socket(directory: Path, name: str) -> Path:
    """Wait for the socket, for ever if need be. Raises BadSocket."""
    clock = asyncio.get_running_loop().time
    began = clock()
    while (found := look(directory, name)) is None:  # noqa: ASYNC110 - another process makes it
        await asyncio.sleep(min(max(FIRST_PAUSE_S, SHARE * (clock() - began)), LAST_PAUSE_S))
    return found


def look(directory: Path, name: str) -> Path | None:
    """Return the socket, None when nothing is there yet. Raises BadSocket."""
    path = directory / name
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            target = path.readlink()
            if len(target.parts) != 1 or target.name in {"", ".."}:
                raise BadSocket("its socket is a link that leads out of its directory")
            path = directory / target
            mode = path.lstat().st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadSocket(f"its socket cannot be looked at: {error.strerror}") from None
    if not stat.S_ISSOCK(mode):
        raise BadSocket("what stands in place of its socket is none")
    return path
