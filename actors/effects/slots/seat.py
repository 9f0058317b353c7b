"""One slot in the world: the directory of its socket, its pod, the connection to its process.

1. It is told of its pod by what the pod commits; what happened before somebody waits is not lost.
2. Its directory is its owner's alone, and goes when nothing of the pod is left.
"""

import asyncio
import contextlib
import errno
import os
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path

from actors.effects.exchange import BadSocket, Exchange, find_socket
from actors.effects.slots.lease import Start
from events.pod import PodSpec

SOCKET = "lsnr.sock"
PAUSE_S = 0.002
"""Between two tries to connect to a process that just begins to listen."""
_SCARCE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def is_ours(error: OSError) -> bool:
    """Tell whether the server itself has run out of something: no process is to be blamed for that."""
    return error.errno in _SCARCE


class NotUp(Exception):  # noqa: N818 - said of the slot
    """The slot did not come up; the text says why."""

    def __init__(self, reason: str, *, is_late: bool = False, is_ours: bool = False) -> None:
        super().__init__(reason)
        self.is_late = is_late
        self.is_ours = is_ours
        """Whether it is no fault of what runs in it."""


@dataclass(slots=True, eq=False)
class Seat:
    """A slot, from the wish for it to the end of its pod."""

    slot: str
    key: bytes
    directory: Path
    spec: PodSpec
    idle_s: float
    pod: str = ""
    """Id of its pod, empty before it has one."""
    is_placed: bool = False
    is_leaving: bool = False
    """Whether it is to end."""
    end: str = ""
    """How its process ended, empty while it has not."""
    exchange: Exchange | None = None
    path: Path | None = None
    start: Start | None = None
    """How it was started: told to who waited for that, if anybody still does when it is up."""
    stamp: int = 0
    rests_since: int = 0
    """When it became idle: microseconds since the epoch, UTC."""
    process: int = 0
    """Its process, which leads a group; 0 when there is none of this machine."""
    is_frozen: bool = False
    is_timed: bool = False
    """Whether somebody will look whether it was idle for its time."""
    began: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when its process was started, and when it ended."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def over(self, how: str) -> None:
        """Take in that its process is gone."""
        self.end = self.end or how
        self.began.set()
        self.ended.set()

    async def until_begun(self) -> None:
        """Wait until its process was started. Raises NotUp."""
        await self.began.wait()
        if self.end:
            raise NotUp(self.end)

    async def until_listening(self, within_s: float, header_limit: int) -> None:
        """Wait until its process listens, and connect to it. Raises NotUp."""
        reaching = asyncio.ensure_future(self._reach(header_limit))
        ending = asyncio.ensure_future(self.ended.wait())
        try:
            await asyncio.wait((reaching, ending), timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
            if reaching.done():
                reaching.result()
            elif ending.done():
                raise NotUp(self.end)
            else:
                raise NotUp(f"not listening within {within_s:g} s", is_late=True)
        except BadSocket as bad:
            raise NotUp(str(bad)) from None
        except OSError as error:
            reason = f"its socket cannot be connected to: {error.strerror}"
            raise NotUp(reason, is_ours=is_ours(error)) from None
        finally:
            for each in (reaching, ending):
                each.cancel()
            with contextlib.suppress(asyncio.CancelledError, BadSocket, OSError):
                await reaching

    async def _reach(self, header_limit: int) -> None:
        """Find its socket and connect to it. One that was made and is not listened to yet refuses."""
        path = await find_socket(self.directory, SOCKET)
        while self.exchange is None:
            try:
                self.exchange = await Exchange.open(path, header_limit=header_limit)
            except ConnectionRefusedError:
                await asyncio.sleep(PAUSE_S)
        self.path = path

    @property
    def connected(self) -> Exchange | None:
        """A connection on which a request may begin at once, if there is one."""
        exchange = self.exchange
        is_up = exchange is not None and exchange.is_ready and not (self.end or self.is_frozen)
        return exchange if is_up else None

    async def connect(self, header_limit: int) -> Exchange:
        """Return a connection on which a request may begin. Raises OSError."""
        if self.end or self.path is None:
            raise ConnectionRefusedError(self.end)
        self.thaw()
        if self.exchange is not None and not self.exchange.is_ready:
            self.disconnect()
        if self.exchange is None:
            self.exchange = await Exchange.open(self.path, header_limit=header_limit)
        return self.exchange

    def freeze(self) -> None:
        """Stop its processes until they are needed."""
        if self.process and not self.end and not self.is_frozen:
            self.is_frozen = True
            self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let its processes go on."""
        if self.is_frozen:
            self.is_frozen = False
            self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(OSError):  # it ends in this very moment
            os.killpg(self.process, number)

    def disconnect(self) -> None:
        """Let go of the connection."""
        if self.exchange is not None:
            self.exchange.close()
            self.exchange = None

    def remove(self) -> None:
        """Remove what it has on disk."""
        self.disconnect()
        shutil.rmtree(self.directory, ignore_errors=True)
