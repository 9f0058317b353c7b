"""A channel with real workers at its other end."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

from actors.effects.channel import SOCKET, TOKEN, Fault, TaskFailed, WorkerLost
from actors.effects.channel.frames import VERSION, FrameError, decode, encode
from tests.actors.effects.channel.conftest import PATIENCE_S, Line, Start

pytestmark = pytest.mark.asyncio


async def test_tasks_are_done_one_after_the_other(line: Line, start: Start) -> None:
    process = await start("echo")
    assert await line.until_ready() == process.pid
    assert [await line.run(body) for body in (b"abc", b"", b"xyz")] == [b"cba", b"", b"zyx"]
    assert len(line.released) == 3
    assert min(line.released) >= 0


async def test_a_second_task_at_a_time_is_a_mistake(line: Line, start: Start) -> None:
    await start("echo")
    await line.until_ready()
    first = asyncio.create_task(line.run(b"abc"))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="busy with task-1"):
        await line.run(b"def", task="task-2")
    assert await first == b"cba"


async def test_failures_tell_whose_fault_they_are(line: Line, start: Start) -> None:
    await start("echo")
    await line.until_ready()
    with pytest.raises(TaskFailed, match="not this one") as refused:
        await line.run(b"refuse")
    with pytest.raises(TaskFailed, match="the worker failed: ZeroDivisionError") as broken:
        await line.run(b"break")
    with pytest.raises(TaskFailed, match="the result cannot be sent") as long:
        await line.run(b"long")
    assert [failed.value.fault for failed in (refused, broken, long)] == [
        Fault.USER,
        Fault.SERVICE,
        Fault.SERVICE,
    ]
    assert refused.value.duration_us >= 0
    assert line.released == []
    assert await line.run(b"go on") == b"no og"


async def test_a_task_may_fail_after_its_release(line: Line, start: Start) -> None:
    await start("echo")
    await line.until_ready()
    with pytest.raises(TaskFailed, match="after all"):
        await line.run(b"late")
    assert len(line.released) == 1


async def test_a_body_that_is_too_long_does_no_harm(line: Line, start: Start) -> None:
    await start("echo")
    await line.until_ready()
    with pytest.raises(FrameError, match="longer than 1000"):
        await line.run(bytes(1000))
    assert await line.run(b"ab") == b"ba"


async def test_a_worker_that_dies_fails_its_task_and_another_takes_its_place(
    line: Line, start: Start
) -> None:
    await start("echo")
    await line.until_ready()
    with pytest.raises(WorkerLost):
        await line.run(b"die")
    assert await line.until_lost() == "the connection ended"
    assert not line.channel.is_ready
    with pytest.raises(WorkerLost, match="no worker is ready"):
        await line.run(b"abc")
    process = await start("echo")
    assert await line.until_ready() == process.pid
    assert await line.run(b"abc") == b"cba"


async def test_a_stuck_worker_that_is_killed_fails_its_task(line: Line, start: Start) -> None:
    process = await start("echo")
    await line.until_ready()
    stuck = asyncio.create_task(line.run(b"stuck"))
    await asyncio.sleep(0)
    process.kill()
    with pytest.raises(WorkerLost):
        await stuck
    await line.until_lost()


async def test_a_cancelled_task_drops_the_worker_which_ends_at_once(line: Line, start: Start) -> None:
    process = await start("echo")
    await line.until_ready()
    stuck = asyncio.create_task(line.run(b"stuck"))
    await asyncio.sleep(0)
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stuck
    assert await line.until_lost() == "its task was cancelled"
    async with asyncio.timeout(PATIENCE_S):
        assert await process.wait() == 0


async def test_a_dropped_worker_is_lost_with_the_reason(line: Line, start: Start) -> None:
    await start("echo")
    await line.until_ready()
    running = asyncio.create_task(line.run(b"stuck"))
    await asyncio.sleep(0)
    line.channel.drop("it took too long")
    with pytest.raises(WorkerLost, match="it took too long"):
        await running
    assert await line.until_lost() == "it took too long"
    line.channel.drop("nobody is there")
    assert line.lost.empty()


async def test_a_newer_worker_takes_the_place_of_an_older(line: Line, start: Start) -> None:
    first = await start("echo")
    await line.until_ready()
    second = await start("echo")
    assert await line.until_ready() == second.pid
    assert await line.until_lost() == "another worker took its place"
    async with asyncio.timeout(PATIENCE_S):
        assert await first.wait() == 0
    assert await line.run(b"abc") == b"cba"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("garbage", "a frame is not msgpack"),
        ("too-long", "a frame of 2147483648 bytes is longer than 1000"),
        ("unasked", "'result' is not expected"),
    ],
)
async def test_a_worker_that_says_what_it_should_not_is_lost(
    line: Line, start: Start, name: str, reason: str
) -> None:
    await start(name)
    await line.until_ready()
    assert await line.until_lost() == reason


async def test_half_a_message_fails_the_task_when_the_worker_dies(line: Line, start: Start) -> None:
    process = await start("half")
    await line.until_ready()
    running = asyncio.create_task(line.run(b"abc"))
    await asyncio.sleep(0)
    process.kill()
    with pytest.raises(WorkerLost):
        await running


async def test_closing_lets_the_worker_leave_and_tells_nobody(line: Line, start: Start) -> None:
    process = await start("echo")
    await line.until_ready()
    socket_path = Path(dict(line.channel.environment)[SOCKET])
    running = asyncio.create_task(line.run(b"stuck"))
    await asyncio.sleep(0)
    await line.channel.close()
    with pytest.raises(WorkerLost, match="closed"):
        await running
    async with asyncio.timeout(PATIENCE_S):
        assert await process.wait() == 0
    assert line.lost.empty()
    assert not socket_path.parent.exists()


async def _strange(line: Line, sent: bytes) -> bytes:
    path = dict(line.channel.environment)[SOCKET]
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(sent)
    async with asyncio.timeout(PATIENCE_S):
        try:
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()


async def test_strangers_are_refused(line: Line) -> None:
    token = dict(line.channel.environment)[TOKEN]
    for sent in (
        b"GET / HTTP/1.1\r\n\r\n",
        encode("hello", VERSION, "guess", os.getpid()),
        encode("hello", VERSION, "schlüssel", os.getpid()),
        encode("hello", VERSION + 1, token, os.getpid()),
        encode("ready"),
        encode("hello", VERSION, token, "x" * 2000),
    ):
        assert await _strange(line, sent) == b""
    assert line.ready.empty()
    assert line.lost.empty()


async def test_the_socket_belongs_to_this_user_alone(line: Line) -> None:
    path = Path(dict(line.channel.environment)[SOCKET])
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert len(str(path)) <= 107


async def test_frames_are_read_as_written() -> None:
    frame = encode("result", "task", b"body")
    assert decode(frame[4:]) == ["result", "task", b"body"]
    for fault in (b"", b"\x90", b"\x91\x01", b"\xc1", b"\x91", b"\xa1a"):
        with pytest.raises(FrameError):
            decode(fault)


async def test_what_an_earlier_server_left_is_removed() -> None:
    """It was killed: its directory and its socket are still there."""
    earlier, other = Line(name="data w"), Line(name="data v")
    await earlier.channel.open()
    await other.channel.open()
    left, others = (Path(dict(it.channel.environment)[SOCKET]).parent for it in (earlier, other))
    line = Line(name="data w")
    await line.channel.open()
    assert [it.exists() for it in (left, others)] == [False, True]
    for each in (line, other, earlier):
        await each.channel.close()
    assert not others.exists()
