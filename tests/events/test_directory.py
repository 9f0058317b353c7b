"""The data directory: one holder, named to whoever comes second."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from events.journal import DataDirectory, Locked, UnusableDirectory
from events.journal.directory import open_holder
from tests.events.stores import CODEC

HOLDER = """
import sys
from events.journal import DataDirectory
held = DataDirectory.open(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_it_is_made_private_with_its_parts(tmp_path: Path) -> None:
    with DataDirectory.open(tmp_path / "a" / "b") as directory:
        assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700
        assert directory.pods.is_dir()
        assert directory.agents.is_dir()
        assert directory.views.name == "views.sqlite"
        assert not directory.is_memory
        with directory.open_journal(CODEC) as journal:
            assert directory.journal.exists()
            journal.blobs.put(b"x")
        assert directory.blobs.is_dir()


def test_a_second_holder_in_this_process_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first = DataDirectory.open(tmp_path)
    with pytest.raises(Locked, match=f"process {os.getpid()} since 20"):
        DataDirectory.open(tmp_path)
    first.close()
    first.close()
    DataDirectory.open(tmp_path).close()


def test_a_holder_in_another_process_is_named_and_its_death_frees(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Locked) as caught:
            DataDirectory.open(tmp_path)
        text = str(caught.value)
        assert f"process {holder.pid} since" in text
        assert str(tmp_path) in text
        assert "python" in text
        assert "\n" not in text
        holder.kill()
    DataDirectory.open(tmp_path).close()


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_a_holder_that_has_not_said_who_it_is(tmp_path: Path, note: bytes) -> None:
    with DataDirectory.open(tmp_path):
        (tmp_path / "lock").write_bytes(note)
        with pytest.raises(Locked, match="another process"):
            DataDirectory.open(tmp_path)


def test_the_holder_can_be_reached_while_it_holds(tmp_path: Path) -> None:
    assert open_holder(tmp_path) is None  # nobody ever was
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        holder = open_holder(tmp_path)
        assert holder is not None
        assert holder.id == process.pid
        signal.pidfd_send_signal(holder.descriptor, signal.SIGKILL)
        os.close(holder.descriptor)
    assert process.returncode == -signal.SIGKILL
    assert open_holder(tmp_path) is None


def test_a_process_that_only_has_the_holders_number_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(json.dumps({"pid": os.getpid(), "since": "", "command": ""}))
    assert open_holder(tmp_path) is None
    for pid in (-1, 0, 2**80, "x", None):
        (tmp_path / "lock").write_text(json.dumps({"pid": pid}))
        assert open_holder(tmp_path) is None


def test_a_path_that_cannot_be_a_directory_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UnusableDirectory) as caught:
            DataDirectory.open(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_memory_leaves_nothing() -> None:
    first, second = DataDirectory.open(":memory:"), DataDirectory.open(":memory:")
    assert first.path != second.path
    assert first.is_memory
    assert first.pods.is_dir()
    assert len(str(first.path)) < 50
    with first.open_journal(CODEC) as journal:
        assert journal.reader().head() == 0
    assert not first.journal.exists()
    for directory in (first, second):
        directory.close()
        assert not directory.path.exists()
