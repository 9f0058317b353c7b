"""The worker's end of a channel: takes tasks one after the other, and answers them.

1. A worker whose server is gone ends at once, whatever it is doing: a thread of its own listens.
2. What the work raises fails its task, not the worker: TaskRefused by the user's fault, anything else by
   ours.
3. Runs on the standard library and msgpack alone.
"""

import os
import queue
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping

from actors.effects.channel.frames import (
    LENGTH,
    MAX_FRAME,
    SOCKET,
    TOKEN,
    VERSION,
    Fault,
    FrameError,
    decode,
    encode,
    length_of,
)

Work = Callable[[bytes, Callable[[], None]], bytes]
"""Does a task: given its body, and what to call when it needs the worker no longer; answers the result."""


class TaskRefused(Exception):  # noqa: N818 an answer, no error of the worker
    """A task fails by the fault of whoever sent it; the text is for them."""


class WorkerEnd:
    """A connection to the server.

    Args:
        environment: of the process: says where the server is and what it wants to hear.

    Raises:
        KeyError: when the process was not started as a worker.
        OSError: when the server is not there.
    """

    def __init__(self, environment: Mapping[str, str], *, max_frame: int = MAX_FRAME) -> None:
        path, token = environment[SOCKET], environment[TOKEN]
        self._max_frame = max_frame
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(path)
        self._tasks: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self._send("hello", VERSION, token, os.getpid())

    def serve(self, work: Work) -> None:
        """Say ready and do tasks; ends with the process."""
        threading.Thread(target=self._listen, name="listen", daemon=True).start()
        self._send("ready")
        while True:
            task_id, body = self._tasks.get()
            self._answer(task_id, body, work)

    def _answer(self, task_id: str, body: bytes, work: Work) -> None:
        begin = time.monotonic_ns()

        def duration_us() -> int:
            return (time.monotonic_ns() - begin) // 1000

        def fail(fault: Fault, message: str) -> None:
            self._send("failed", task_id, fault.value, message, duration_us())

        try:
            result = work(body, lambda: self._send("released", task_id, duration_us()))
            answer = encode("result", task_id, result, max_frame=self._max_frame)
        except TaskRefused as refused:
            fail(Fault.USER, str(refused))
        except FrameError as error:
            fail(Fault.SERVICE, f"the result cannot be sent: {error}")
        except Exception as error:  # noqa: BLE001 the worker goes on, and the task has failed
            traceback.print_exc()
            fail(Fault.SERVICE, f"the worker failed: {type(error).__name__}")
        else:
            self._socket.sendall(answer)

    def _send(self, *message: object) -> None:
        self._socket.sendall(encode(*message, max_frame=self._max_frame))

    def _listen(self) -> None:
        """Hand over tasks until the server is gone or lets us leave."""
        try:
            while (task := self._next()) is not None:
                self._tasks.put(task)
        except (OSError, EOFError):
            pass
        except FrameError as error:
            print(error, file=sys.stderr)  # noqa: T201 the worker's log is its standard error
        # The main thread may be deep in a computation that nobody waits for any longer.
        os._exit(0)

    def _next(self) -> tuple[str, bytes] | None:
        """The next task; None when there is to be none."""
        message = decode(self._read(length_of(self._read(LENGTH.size), self._max_frame)))
        match message:
            case ["task", str(task_id), bytes(body)]:
                return task_id, body
            case ["leave"]:
                return None
            case _:
                raise FrameError(f"not understood: {str(message[0])[:32]!r}")

    def _read(self, size: int) -> bytes:
        received = bytearray(size)
        view, filled = memoryview(received), 0
        while filled < size:
            count = self._socket.recv_into(view[filled:])
            if not count:
                raise EOFError
            filled += count
        return bytes(received)
