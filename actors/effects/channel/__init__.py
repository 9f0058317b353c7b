"""The channel between the server and a worker that it started in a pod.

1. The words are task, released, result, failed: what a task is about is no matter of the channel.
2. `worker` is the other end, for programs that are workers; it is not imported here.
"""

from actors.effects.channel.frames import SOCKET, TOKEN, Fault
from actors.effects.channel.server import Channel, TaskFailed, WorkerLost

__all__ = ["SOCKET", "TOKEN", "Channel", "Fault", "TaskFailed", "WorkerLost"]
