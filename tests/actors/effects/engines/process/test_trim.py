"""Logs stay within their bound, and lose only what is oldest."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from actors.effects.engines.engine import RunKey
from actors.effects.engines.process import trim
from actors.effects.engines.process.layout import HostFiles
from actors.effects.engines.process.trim import LOOK_S, SLICE, SLICE_S, Trimmer, punch_hole
from tests.actors.effects.engines.conftest import MakeProcessEngine
from tests.actors.effects.engines.ear import KEY, Ear, order, shell

MB = 2**20


class Later:
    """Calls when told to."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self._next: Callable[[], None] | None = None

    def __call__(self, pause: float, call: Callable[[], None]) -> None:
        assert self._next is None
        self.pauses.append(pause)
        self._next = call

    def step(self) -> None:
        call, self._next = self._next, None
        assert call is not None
        call()


def taken(log: Path) -> int:
    return log.stat().st_blocks * 512


def begun_at(log: Path) -> int:
    """Where what is left of a log begins."""
    with log.open("rb") as file:
        return os.lseek(file.fileno(), 0, os.SEEK_DATA)


def write(log: Path, size: int) -> bytes:
    content = os.urandom(size)
    with log.open("ab") as file:
        file.write(content)
    return content


def test_the_newest_half_of_the_bound_is_kept_at_its_offsets(tmp_path: Path) -> None:
    log = tmp_path / "stdout"
    trimmer = Trimmer(Later(), lambda: [log])
    trimmer.trim(log)  # is not there yet
    content = write(log, 3 * MB + 777)
    trimmer.trim(log)  # has no bound
    assert log.read_bytes() == content
    trimmer.bound = 4 * MB
    trimmer.trim(log)
    assert log.read_bytes() == content
    trimmer.bound = MB
    trimmer.trim(log)
    assert log.stat().st_size == len(content)
    start = begun_at(log)
    assert MB // 2 <= len(content) - start <= MB // 2 + 4096
    assert log.read_bytes()[start:] == content[start:]
    assert taken(log) <= MB
    content += write(log, 100)
    assert log.read_bytes()[start:] == content[start:]


def test_all_logs_are_looked_at_in_parts(tmp_path: Path) -> None:
    logs = [tmp_path / str(number) for number in range(SLICE + 5)]
    for log in logs:
        write(log, 20_000)
    later = Later()
    trimmer = Trimmer(later, lambda: logs)
    trimmer.bound = 8192
    trimmer.start()
    for _ in range(3):
        later.step()
    assert all(taken(log) <= 8192 + 4096 for log in logs)
    assert later.pauses == [LOOK_S, LOOK_S, SLICE_S, LOOK_S]


def test_where_there_are_no_holes_a_log_begins_anew(tmp_path: Path) -> None:
    def refuse(_: int, __: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "no holes here")

    log = tmp_path / "stdout"
    trimmer = Trimmer(Later(), lambda: [log], punch=refuse)
    trimmer.bound = 4096
    write(log, 10_000)
    trimmer.trim(log)
    assert log.read_bytes() == b""


def test_what_a_log_points_to_is_left_alone(tmp_path: Path) -> None:
    other, log = tmp_path / "other", tmp_path / "stdout"
    content = write(other, 20_000)
    log.symlink_to(other)
    trimmer = Trimmer(Later(), lambda: [log])
    trimmer.bound = 4096
    trimmer.trim(log)
    assert other.read_bytes() == content


def test_a_hole_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "file", 10)
    with (tmp_path / "file").open("rb") as file, pytest.raises(OSError, match="Bad file"):
        punch_hole(file.fileno(), 4096)  # not open for writing
    assert trim.LOOK_S > trim.SLICE_S


@pytest.mark.asyncio
async def test_the_agent_keeps_to_the_bound_of_its_server(
    make_engine: MakeProcessEngine, ear: Ear, data: Path
) -> None:
    engine = make_engine(log_bytes=MB)
    await engine.start()
    engine.launch(order(shell("head -c 5000000 /dev/zero | tr '\\0' x; echo the end; exit 3")))
    await ear.ended()
    other = RunKey(pod="other", run=1)
    engine.launch(order(shell("exit 0"), key=other))
    await ear.ended(other)  # by then the agent has done all that it does at the end of the first
    log = HostFiles(data, "host-1").run(KEY.pod, KEY.run) / "logs" / "main" / "stdout"
    assert log.stat().st_size == 5_000_008
    assert taken(log) <= MB
    assert log.read_bytes().endswith(b"xxthe end\n")
