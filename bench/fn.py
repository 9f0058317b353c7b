"""Functions as the rows call them: through our server, as a load balancer does, and directly.

1. The program is the same on both sides, and so are the bodies. Hot calls are of a function that is written
   with Fn's own kit (bench/kit_function.py), the others of a program that costs little and streams
   (bench/function.py). All messages are made before the clock runs, and what comes is not decoded but for
   its last word, which has to be that the call succeeded.
2. As the genuine load balancer does, we cut bodies into frames of 10 240 bytes with an empty one at the
   end, and never half-close. The direct call sends the same pieces as chunks.
3. The direct call is a plain HTTP client's: h11 over asyncio's streams, on a connection that is kept.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import h11

from bench import function, servers
from protocol.pb.fn import runner_pb2 as pb

METHOD = "/RunnerProtocol/Engage"
FRAME = 10_240
SOCKET = "lsnr.sock"
KIT, BARE = "kit", "bare"
"""Images."""
COMMANDS = {
    KIT: (sys.executable, str(Path(__file__).with_name("kit_function.py"))),
    BARE: (sys.executable, str(Path(function.__file__))),
}
FUNCTIONS = "".join(
    f"[fn.functions.{image}]\ncommand = {json.dumps(command)}\n" for image, command in COMMANDS.items()
)
CONFIG = (
    '[[hosts]]\nname = "here"\ncpu = 1000\nmemory_mb = 1000000\nengine = "process"\n'
    "[fn]\nresponse_mb = 0\n" + FUNCTIONS
)
READ = 65_536

Stream = grpc.aio.StreamStreamMultiCallable[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Called:
    """A call as the load balancer's messages."""

    messages: tuple[bytes, ...]

    @classmethod
    def of(
        cls,
        body: bytes,
        *,
        fn_id: str = "echo",
        image: str = BARE,
        answer: int = 0,
        memory: int = 0,
        kind: str = "sync",
    ) -> "Called":
        """Return the messages of a call of one function."""
        headers = {function.ANSWER.decode(): [str(answer)]} if answer else {}
        model = {
            "id": "01HZY6J5W7NG8G00GZJ0000001", "app_id": "bench", "fn_id": fn_id, "image": image,
            "type": kind, "timeout": 60, "idle_timeout": 600, "memory": memory, "config": {"FN_FN_ID": fn_id},
            "headers": headers,
        }  # fmt: skip
        opening = pb.ClientMsg()
        getattr(opening, "try").models_call_json = json.dumps(model)
        frames = [pb.ClientMsg(data=pb.DataFrame(data=piece)) for piece in pieces(body)]
        frames.append(pb.ClientMsg(data=pb.DataFrame(eof=True)))
        return cls(tuple(each.SerializeToString() for each in (opening, *frames)))


def pieces(body: bytes) -> Iterator[bytes]:
    """Cut a body."""
    for start in range(0, len(body), FRAME):
        yield body[start : start + FRAME]


def engage(channel: grpc.aio.Channel) -> Stream:
    """Return what makes calls of bytes."""
    stream: Stream = channel.stream_stream(METHOD)
    return stream


async def call(method: Stream, messages: Iterable[bytes]) -> bytes:
    """Make a call; return the last message, when the server has ended the stream well."""
    stream = method()
    for each in messages:
        await stream.write(each)
    last = b""
    while isinstance(message := await stream.read(), bytes):
        last = message
    return last


def check(last: bytes) -> None:
    """Assert that a call's last message says that it succeeded."""
    finished = pb.RunnerMsg.FromString(last).finished
    if not finished.success:
        raise RuntimeError(f"the call failed: {finished.errorCode} {finished.errorStr}")


class Direct:
    """A connection to a function process."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)

    async def call(self, body: Iterable[bytes], *, answer: int = 0) -> int:
        """Make a call; return how many bytes were answered."""
        headers = [("Host", "localhost"), ("Transfer-Encoding", "chunked"), ("Fn-Call-Id", "1")]
        headers += [(function.ANSWER.decode(), str(answer))] if answer else []
        self._send(h11.Request(method="POST", target="/call", headers=headers))
        for piece in body:
            self._send(h11.Data(data=piece))
            await self._writer.drain()
        self._send(h11.EndOfMessage())
        received = 0
        while not isinstance(event := self._http.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(READ))
            elif isinstance(event, h11.Data):
                received += len(event.data)
        self._http.start_next_cycle()
        return received

    def _send(self, event: h11.Event) -> None:
        self._writer.write(self._http.send(event) or b"")

    async def close(self) -> None:
        """Let go of it."""
        self._writer.close()
        await self._writer.wait_closed()


@asynccontextmanager
async def direct(sockets: Sequence[Path]) -> AsyncIterator[list[Direct]]:
    """Connect to function processes, once each."""
    connections = [Direct(*await asyncio.open_unix_connection(each)) for each in sockets]
    try:
        yield connections
    finally:
        for each in connections:
            await each.close()


@contextmanager
def started(folder: Path, image: str = BARE) -> Iterator[subprocess.Popen[bytes]]:
    """Start a function process by hand, on the servers' core; its socket comes into the folder."""
    command = [shutil.which("taskset") or "taskset", "-c", str(servers.CORE), *COMMANDS[image]]
    listener = {"FN_FORMAT": "http-stream", "FN_LISTENER": f"unix:{folder / SOCKET}"}
    environment = {"PATH": os.environ["PATH"], **listener}
    # The kit tells of every call, on either.
    process = subprocess.Popen(  # noqa: S603 - our own
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def listening(socket: Path) -> None:
    """Wait until a function process listens."""
    while not socket.exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
        await asyncio.sleep(0.001)


@contextmanager
def by_hand(count: int, image: str = BARE) -> Iterator[list[Path]]:
    """Run function processes; yields their sockets."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        folders = [Path(folder) / str(n) for n in range(count)]
        for each in folders:
            each.mkdir()
            running.enter_context(started(each, image))
        sockets = [each / SOCKET for each in folders]
        for socket in sockets:
            asyncio.run(listening(socket))
        yield sockets
