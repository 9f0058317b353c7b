"""The server's end of the talk with an agent: finds it, starts it, and finds it again.

1. The agent is started by exec, in a session and with an environment of its own, and put into the
   background by itself: it is no child of the server when it runs.
2. A broken connection is made anew for ever, with growing pauses; after each the server's side says
   what it wants to be known, since nothing that was sent before is sure to have arrived.
3. Messages sent while there is no connection are dropped: see 2.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgpack
import structlog

from actors.effects.engines.process.frames import VERSION, FrameError, FrameReader, encode
from actors.effects.engines.process.layout import HostFiles

_INHERITED = ("PATH", "HOME", "LANG", "TZ", "XDG_RUNTIME_DIR")
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 1.0
_START_S = 60.0
_LEAVES_S = 1.0
_CHUNK = 1 << 16
_LOG_BYTES = 1 << 20
_BEGIN = (
    "import sys; sys.path += sys.argv[1:3]; "
    "from actors.effects.engines.process.agent import main; sys.exit(main(sys.argv[3:]))"
)

_log = structlog.stdlib.get_logger()


class AgentLink:
    """A connection to the agent of one host that mends itself."""

    def __init__(
        self,
        files: HostFiles,
        *,
        server: str,
        linger_s: float,
        wrapper: str,
        on_connected: Callable[[], None],
        on_message: Callable[[Sequence[object]], None],
    ) -> None:
        self._files = files
        self._server = server
        self._linger_s = linger_s
        self._wrapper = wrapper
        self._on_connected = on_connected
        self._on_message = on_message
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self._is_last = False

    async def open(self) -> None:
        """Connect, and stay connected.

        Raises:
            TimeoutError: when there is no agent within a minute.
        """
        self._is_last = False
        self._task = asyncio.create_task(self._stay_connected(), name=f"agent of {self._files.host}")
        try:
            await asyncio.wait_for(self._connected.wait(), _START_S)
        except TimeoutError:
            await self.close()
            raise TimeoutError(
                f"no agent of host {self._files.host!r} answers: see {self._files.log}"
            ) from None

    def send(self, *message: object) -> None:
        """Send, if connected: also not while a connection ends of which nobody has heard yet."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(*message))

    @property
    def is_open(self) -> bool:
        """True while there is a connection, or one is being made."""
        return self._task is not None and not self._task.done()

    def be_last(self) -> None:
        """Make no other connection after this one."""
        self._is_last = True

    async def close(self, *, agent_leaves: bool = False) -> None:
        """Connect no more. With `agent_leaves`, first wait for the agent to have ended the talk itself."""
        self._is_last = True
        if self._task is None:
            return
        if agent_leaves:
            await asyncio.wait((self._task,), timeout=_LEAVES_S)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None

    async def _stay_connected(self) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            try:
                await self._talk()
                pause = _FIRST_PAUSE_S
                if self._is_last:
                    return
            except (OSError, ValueError, KeyError, FrameError) as error:
                _log.debug("agent.unreachable", host=self._files.host, reason=str(error))
                await self._start_agent()
                pause = min(pause * 2, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause)

    async def _talk(self) -> None:
        """Connect once and listen until the connection ends."""
        note = json.loads(self._files.note.read_bytes())
        reader, writer = await asyncio.open_unix_connection(note["socket"])
        frames = FrameReader()
        try:
            writer.write(encode("hello", VERSION, self._server))
            while received := await reader.read(_CHUNK):
                for message in frames.feed(received):
                    if message[0] == "hello":
                        self._greet(message, writer)
                    else:
                        self._on_message(message)
        except ConnectionError:
            return
        finally:
            self._writer = None
            self._connected.clear()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _greet(self, message: Sequence[object], writer: asyncio.StreamWriter) -> None:
        if message[1] != VERSION:
            raise FrameError(f"the agent speaks version {message[1]} of the protocol, not {VERSION}")
        _log.info("agent.connected", host=self._files.host, pid=message[2])
        self._writer = writer
        self._on_connected()
        self._connected.set()

    async def _start_agent(self) -> None:
        """Start an agent and wait until it listens, or leaves because there is one."""
        self._files.agents.mkdir(mode=0o700, parents=True, exist_ok=True)
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        root = Path(__file__).parents[4]
        packages = Path(msgpack.__file__).parents[1]
        words = [str(root), str(packages), str(self._files.data), self._files.host, str(self._linger_s)]
        with _open_log(self._files.log) as log:
            process = await asyncio.create_subprocess_exec(
                # Without the site module it starts in a third of the time, and takes less memory.
                *(sys.executable, "-I", "-S", "-c", _BEGIN, *words, self._wrapper),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            # Closed meanwhile: an agent that is already in the background leaves after its linger.
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        if status != 0:
            _log.warning("agent.failed", host=self._files.host, status=status, log=str(self._files.log))


@contextlib.contextmanager
def _open_log(path: Path) -> Iterator[int]:
    """The agent's log, begun anew when it has grown long."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > _LOG_BYTES:
            path.unlink()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
