"""Many watchers of all pods in one process, which take messages as bytes and note when they came.

1. `start` returns when all watches have begun. Until it is told where to end the process only receives;
   what the bytes say is found out afterwards, once for each message, since watchers share them.
2. As a program it prints `ready`, reads a revision from its input, waits until every watcher has heard of it
   (or for the time that it is given), and prints what each heard.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator

import grpc
import uvloop

from bench import jobs
from protocol.pb.peloton.api.v1alpha.watch import watch_pb2
from protocol.pb.peloton.api.v1alpha.watch.svc import watch_svc_pb2

WATCH = "/peloton.api.v1alpha.watch.svc.WatchService/Watch"
ON_A_CONNECTION = 50

Heard = list[tuple[float, bytes]]
"""Time (monotonic, of the machine) and bytes of each message."""


async def listen(messages: AsyncIterator[bytes], heard: Heard) -> None:
    """Note what comes until the watch ends."""
    append, now = heard.append, time.monotonic
    try:
        async for message in messages:
            append((now(), message))
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNAVAILABLE:  # the server has gone
            raise


async def start(address: str, count: int) -> tuple[list[Heard], list["asyncio.Task[None]"]]:
    """Begin so many watches."""
    everything = watch_svc_pb2.WatchRequest(pod_filter=watch_pb2.PodFilter()).SerializeToString()
    heard: list[Heard] = []
    listening: list[asyncio.Task[None]] = []
    channel = jobs.connect(address)
    for number in range(count):
        if number and number % ON_A_CONNECTION == 0:
            channel = jobs.connect(address)
        watch: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(WATCH)
        messages = aiter(watch(everything))
        await anext(messages)  # the watch has begun
        heard.append([])
        listening.append(asyncio.create_task(listen(messages, heard[-1])))
    return heard, listening


def revision_of(heard: Heard) -> int:
    """Return the revision that a watcher has heard of last."""
    return watch_svc_pb2.WatchResponse.FromString(heard[-1][1]).revision if heard else 0


async def main(address: str, count: int) -> None:
    """Watch until told where to end."""
    heard, listening = await start(address, count)
    print("ready", flush=True)
    wish = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    if not wish.strip():
        return
    last, within_s = int(wish.split()[0]), float(wish.split()[1])
    end = time.monotonic() + within_s
    while min(map(revision_of, heard)) < last and time.monotonic() < end:  # noqa: ASYNC110 - rare looks disturb least
        await asyncio.sleep(0.05)
    ended = [task for task in listening if task.done()]
    for task in ended:
        task.result()
    print(json.dumps({"messages": told(heard), "heard": numbered(heard)}))


def told(heard: list[Heard]) -> list[list[str]]:
    """Return the pods that each message tells of, each message once."""
    distinct = dict.fromkeys(message for each in heard for _, message in each)
    return [
        [pod.pod_name.value for pod in watch_svc_pb2.WatchResponse.FromString(message).pods]
        for message in distinct
    ]


def numbered(heard: list[Heard]) -> list[list[tuple[int, float]]]:
    """Return what each watcher heard: which message, and when."""
    numbers: dict[bytes, int] = {}
    for each in heard:
        for _, message in each:
            numbers.setdefault(message, len(numbers))
    return [[(numbers[message], at) for at, message in each] for each in heard]


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
