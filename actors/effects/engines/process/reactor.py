"""Waits for everything that an agent waits for: its server, its wrappers, processes and moments.

1. One thread, one selector, no asyncio: that alone would double the agent's memory.
2. The newest connection is the server's; an older one is closed.
3. Nothing blocks: what the server does not read yet is kept and sent on when it does.
4. What the system refuses, as on a full disk, is tried again after a pause: nothing that is called here does
   harm when it is called twice. What a server asked is tried again as long as that server is there.
5. The last word is heard: who closes a socket on what it has not read takes back what it said before.
   So when all is said, only our half of the talk ends; the server ends its own.
6. A process costs a descriptor as long as there are enough: the last ones are kept for records and the
   server, and the processes beyond are looked at now and then.
"""

import contextlib
import heapq
import os
import resource
import select
import selectors
import socket
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from actors.effects.engines.process.frames import FrameError, FrameReader, encode

_CHUNK = 1 << 16
_FAREWELL_S = 5.0
"""How long a server may take to end a talk that is over."""
_PAUSE_S = 1.0
"""Before what the system refused is tried again."""
_SPARE = 32
"""Descriptors that no process is waited for with."""
_LOOK_S = 2.0
"""How often it is seen whether a process is gone that none was left for."""
Callback = Callable[[], None]


class Reactor:
    """Calls back when something happens."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callback]] = []
        self._order = 0
        self._listener: socket.socket | None = None
        self._server: socket.socket | None = None
        self._unsent = bytearray()
        self._is_finishing = False
        self._on_gone: Callback = _nothing
        self._trouble = ""
        """What was refused last: said once."""

    @property
    def is_connected(self) -> bool:
        """True while a server is connected."""
        return self._server is not None

    def now(self) -> float:
        """Seconds of a clock that is never set."""
        return time.monotonic()

    def listen(
        self, listener: socket.socket, on_message: Callable[[Sequence[object]], None], on_gone: Callback
    ) -> None:
        """Take servers from a listening socket, in place of any before."""
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
        self._listener = listener
        self._on_gone = on_gone
        self._register(listener, lambda: self._accept(listener, on_message))

    def hear(self, bell: int, on_line: Callable[[str], None]) -> None:
        """Call with each line that is written to a pipe."""
        waiting = bytearray()

        def read() -> None:
            nonlocal waiting
            try:
                waiting += os.read(bell, _CHUNK)
            except BlockingIOError:
                return
            *lines, waiting = waiting.split(b"\n")
            for line in dict.fromkeys(bytes(line) for line in lines):
                self._attempt(partial(on_line, line.decode("utf-8", "replace")))

        self._register(bell, read)

    def watch(self, process: int, callback: Callback) -> None:
        """Call once a process is gone; a child of ours is reaped before."""
        try:
            descriptor = os.pidfd_open(process)
        except ProcessLookupError:
            self.call_after(0, callback)
            return
        if descriptor >= resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _SPARE and not _is_ready(descriptor):
            os.close(descriptor)
            self.call_after(_LOOK_S, lambda: self.watch(process, callback))
            return

        def gone() -> None:
            self._selector.unregister(descriptor)
            os.close(descriptor)
            with contextlib.suppress(ChildProcessError):  # adopted
                os.waitpid(process, os.WNOHANG)
            self._attempt(callback)

        self._register(descriptor, gone)

    def call_after(self, delay_s: float, callback: Callback) -> None:
        """Call after some seconds, never at once."""
        self._order += 1
        heapq.heappush(self._timers, (self.now() + delay_s, self._order, callback))

    def send(self, *message: object) -> None:
        """Send to the server; without one the message is dropped: the next server asks."""
        if self._server is not None and not self._is_finishing:
            was_empty = not self._unsent
            self._unsent += encode(*message)
            if was_empty:
                self._flush()

    def finish(self) -> None:
        """Take no other server, and stop once everything is sent and the server has ended its half."""
        self._is_finishing = True
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None
        self.call_after(_FAREWELL_S, self._drop)
        self._flush()

    def run(self) -> None:
        """Wait and call until finished."""
        while not (self._is_finishing and self._server is None):
            wait = max(0.0, self._timers[0][0] - self.now()) if self._timers else None
            for key, events in self._selector.select(wait):
                on_ready: Callback = key.data
                if events & selectors.EVENT_WRITE:
                    self._flush()
                if events & selectors.EVENT_READ and key.fd in self._selector.get_map():
                    on_ready()
            while self._timers and self._timers[0][0] <= self.now():
                self._attempt(heapq.heappop(self._timers)[2])

    def _attempt(self, callback: Callback) -> None:
        """Call, and again after a pause if the system refuses something."""
        try:
            callback()
        except OSError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                with contextlib.suppress(OSError):  # the log's disk may be the one that is full
                    sys.stderr.write(f"tried again until it is not refused: {error}\n")
            self.call_after(_PAUSE_S, callback)

    def _register(self, descriptor: int | socket.socket, callback: Callback) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, callback)

    def _accept(self, listener: socket.socket, on_message: Callable[[Sequence[object]], None]) -> None:
        try:
            server, _ = listener.accept()
        except OSError:
            return  # gone before it was taken
        self._drop()
        server.settimeout(0)
        reader = FrameReader()
        self._server = server
        self._register(server, lambda: self._receive(server, reader, on_message))

    def _receive(
        self, server: socket.socket, reader: FrameReader, on_message: Callable[[Sequence[object]], None]
    ) -> None:
        try:
            received = server.recv(_CHUNK)
            messages = reader.feed(received)
        except BlockingIOError:
            return
        except (OSError, FrameError):
            received, messages = b"", []
        for message in messages:
            self._attempt(partial(self._obey, server, message, on_message))
        if not received and self._server is server:
            self._drop()

    def _obey(
        self, server: socket.socket, message: Sequence[object], on_message: Callable[[Sequence[object]], None]
    ) -> None:
        if self._server is server:
            on_message(message)

    def _flush(self) -> None:
        server = self._server
        if server is None:
            return
        try:
            sent = server.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._unsent.clear()  # its end is read soon
            return
        del self._unsent[:sent]
        key = self._selector.get_key(server)
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
        if key.events != wanted:
            self._selector.modify(server, wanted, key.data)
        if self._is_finishing and not self._unsent:
            with contextlib.suppress(OSError):  # its end is read soon
                server.shutdown(socket.SHUT_WR)

    def _drop(self) -> None:
        if self._server is not None:
            self._selector.unregister(self._server)
            self._server.close()
            self._server = None
            self._unsent.clear()
            self._on_gone()


def _is_ready(descriptor: int) -> bool:
    look = select.poll()  # of any number, which select.select is not
    look.register(descriptor, select.POLLIN)
    return bool(look.poll(0))


def _nothing() -> None:
    """Do nothing."""
