"""The record of one run: small files that say what happened, in `record/` of the run's directory.

1. A record counts when it ends in a newline; it is never changed after that, the stop marker aside.
2. The agent writes `order`, `<i>.order` and `stop`; the run's wrapper writes the rest; only where there is
   no wrapper any more, the agent writes in its place. `<i>` counts init containers, then containers.
3. Nobody starts anything of a run before he has created `claim`; it is never removed before the run is.
4. `<i>.pid` is written before a container's program begins, and `stop` is looked for after that.
5. A record's time is the time of its file.

    order       msgpack: what the agent must know to adopt the run; no environment, no arguments
    <i>.order   what the wrapper needs to start container i; removed once it has begun
    claim/      the run was taken; claim/owner: process id and start time of its wrapper
    <i>.pid     process id and start time of a container, leader of the group of the same number
    <i>.started the program begins
    <i>.failed  the program could not be started; may hold a sentence that says why
    <i>.exited  `exit CODE` or `signal NUMBER`
    stop        the run is to end: moment of SIGKILL in microseconds of the monotonic clock
    ended       nothing is left of the run: `ended` or `lost`, and a sentence
    forgotten   the end of the run is known to the server
"""

import contextlib
import os
import signal
from pathlib import Path

import msgpack

from actors.effects.engines.process.layout import sync_directory, write_whole

Order = dict[str, object]
"""Fields: pod, run, host, boot, server, survives, wrapper, group, init, names, programs."""


class Record:
    """Reads and writes the files of one run's record."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def has(self, name: str) -> bool:
        """True when the record is there, complete or not."""
        return (self.directory / name).exists()

    def read(self, name: str) -> str | None:
        """The record without its newline; None while it is not complete."""
        try:
            text = (self.directory / name).read_text("utf-8", "replace")
        except FileNotFoundError:
            return None
        return text[:-1] if text.endswith("\n") else None

    def write(self, name: str, text: str) -> None:
        """Write the record whole."""
        write_whole(self.directory / name, f"{text}\n".encode())

    def written_at(self, name: str) -> int:
        """When it was written: microseconds since the epoch, UTC."""
        return (self.directory / name).stat().st_mtime_ns // 1000

    def remove(self, name: str) -> None:
        """Remove the record if it is there and the disk lets it go."""
        with contextlib.suppress(OSError):
            (self.directory / name).unlink()

    def claim(self) -> bool:
        """Claim the run; False when it was claimed before."""
        try:
            (self.directory / "claim").mkdir(mode=0o700)
        except FileExistsError:
            return False
        sync_directory(self.directory)
        return True

    def process(self, name: str) -> tuple[int, int] | None:
        """Process id and start time as recorded under a name."""
        fields = (self.read(name) or "").split()
        return (int(fields[0]), int(fields[1])) if len(fields) == 2 else None  # noqa: PLR2004 see above

    def exit(self, container: int) -> tuple[int, str] | None:
        """Exit code and name of the signal of a container that ended."""
        fields = (self.read(f"{container}.exited") or "").split()
        match fields:
            case ["exit", code]:
                return int(code), ""
            case ["signal", number]:
                return 0, signal_name(int(number))
            case _:
                return None

    def order(self) -> Order | None:
        """What was ordered; None when it was never completely written."""
        try:
            order = msgpack.unpackb((self.directory / "order").read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return order if isinstance(order, dict) else None

    def write_order(self, order: Order) -> None:
        """Write what is ordered."""
        write_whole(self.directory / "order", msgpack.packb(order))


def signal_name(number: int) -> str:
    """Name of a signal, such as `SIGKILL`."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def start_time(process: int) -> int | None:
    """When a process was started, in ticks since boot; None when there is none, or it is a zombie."""
    try:
        line = Path(f"/proc/{process}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = line[line.rindex(b")") + 2 :].split()
    return None if fields[0] in {b"Z", b"X"} else int(fields[19])


def is_alive(process: tuple[int, int]) -> bool:
    """True when the process of this id and start time runs."""
    return start_time(process[0]) == process[1]


def signal_group(process: tuple[int, int], number: int) -> None:
    """Send a signal to the group that a process leads, or led; to nobody when the id is another's now."""
    found = start_time(process[0])
    if found is None or found == process[1]:
        try:
            os.killpg(process[0], number)
        except (ProcessLookupError, PermissionError):
            return


def boot_id() -> str:
    """Names this boot of the machine: process ids of another one mean nothing."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
