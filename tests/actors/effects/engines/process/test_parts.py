"""The small parts: frames, paths, control groups, wrappers, and what this machine has."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.effects.engines.process import groups, wrappers
from actors.effects.engines.process.frames import MAX_FRAME, FrameError, FrameReader, encode
from actors.effects.engines.process.layout import HostFiles, file_name, is_safe, private_directory
from actors.effects.engines.process.measure import capacity_of_this_machine, local_address
from actors.effects.engines.process.record import signal_name

MESSAGES = st.lists(
    st.tuples(st.text(), st.lists(st.integers(-(2**63), 2**63 - 1) | st.text() | st.booleans())), max_size=5
)


@given(MESSAGES, st.integers(1, 9))
def test_messages_arrive_however_they_are_cut(messages: list[tuple[str, list[object]]], size: int) -> None:
    sent = b"".join(encode(*message) for message in messages)
    reader = FrameReader()
    received = [m for at in range(0, len(sent), size) for m in reader.feed(sent[at : at + size])]
    assert received == [list(message) for message in messages]


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\xff\xff\xff\xff",
        (MAX_FRAME + 1).to_bytes(4, "big"),
        b"\0\0\0\x01\xc1",
        b"\0\0\0\x01\x01",
        b"\0\0\0\x01\x90",
        b"\0\0\0\x02\x91\x01",
        b"\0\0\0\0",
    ],
)
def test_what_is_no_message_is_refused(nonsense: bytes) -> None:
    with pytest.raises(FrameError):
        FrameReader().feed(nonsense)


def test_a_message_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(FrameError, match="longer"):
        encode("launch", b"x" * (MAX_FRAME + 1))


@given(st.text(), st.text())
def test_a_file_name_is_one_and_its_own(one: str, two: str) -> None:
    name = file_name(one)
    assert name not in {"", ".", ".."}
    assert "/" not in name
    assert "\0" not in name
    assert len(name.encode()) <= 200
    assert (name == file_name(two)) == (one == two)


@pytest.mark.parametrize("pod", ["", ".", "..", "a/b", "-x", "a\0", "ä", "x" * 201, "a\n"])
def test_unsafe_pods(pod: str) -> None:
    assert not is_safe(pod)


def test_a_private_directory_of_somebody_else_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = HostFiles(tmp_path, "host-1")
    with tempfile.TemporaryDirectory(dir="/tmp") as runtime:  # tmp_path is too long for a socket
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        first = private_directory(files)
        assert first.parent == Path(runtime)
        first.chmod(0o755)
        second = private_directory(files)
    assert second.parent == Path("/tmp")
    second.rmdir()


def test_a_control_group_gets_its_limits(tmp_path: Path) -> None:
    group = Path(groups.Groups(tmp_path).open("pod-1", cpu=0.5, memory_mb=64))
    assert (group / "cpu.max").read_text() == "50000 100000\n"
    assert (group / "memory.max").read_text() == f"{64 * 1024 * 1024}\n"


def test_without_control_groups_there_are_no_limits(tmp_path: Path) -> None:
    assert groups.Groups(None).open("pod-1", cpu=1, memory_mb=1) == ""
    assert groups.Groups(tmp_path / "missing").open("pod-1", cpu=1, memory_mb=1) == ""
    assert groups.Groups(tmp_path).open("pod-1", cpu=0, memory_mb=0) == ""
    groups.kill(str(tmp_path / "missing"))
    groups.remove(str(tmp_path / "missing"))


def test_the_parent_of_groups_is_below_our_own(tmp_path: Path) -> None:
    membership = tmp_path / "membership"
    membership.write_text("1:name=x:/\n0::/own\n")
    assert groups.find_parent(tmp_path, membership) is None
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "cgroup.controllers").write_text("cpu io memory\n")
    assert groups.find_parent(tmp_path, membership) == tmp_path / "own" / "polyplane"
    membership.write_text("1:name=x:/\n")
    assert groups.find_parent(tmp_path, membership) is None


def test_where_there_is_no_compiler_the_script_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert wrappers.install(tmp_path).suffix == ".sh"
    with pytest.raises(OSError, match="no C compiler"):
        wrappers.install(tmp_path, "c")


def test_this_machine_has_something(tmp_path: Path) -> None:
    capacity = capacity_of_this_machine(tmp_path / "not" / "yet")
    assert capacity.cpu >= 1
    assert capacity.memory_mb > 64
    assert capacity.disk_mb > 1
    assert local_address().count(".") == 3


def test_signals_have_names() -> None:
    assert (signal_name(9), signal_name(35)) == ("SIGKILL", "SIG35")
