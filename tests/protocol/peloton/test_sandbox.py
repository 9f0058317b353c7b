"""Files of runs: what is shown, what is not, and no way out."""

import os
from pathlib import Path

import pytest

from protocol.sandbox import SandboxDirectory

POD = "0190aaaa-bbbb-7ccc-8ddd-eeeeffff0001-0"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    run = tmp_path / "pods" / POD / "1"
    (run / "logs" / "main").mkdir(parents=True)
    (run / "logs" / "main" / "stdout").write_text("out")
    (run / "sandbox" / "deep").mkdir(parents=True)
    (run / "sandbox" / "deep" / "file").write_text("deep")
    (run / "claim").write_text("hidden")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inside").write_text("secret")
    (run / "sandbox" / "link").symlink_to(tmp_path / "secret")
    (run / "sandbox" / "linked").symlink_to(tmp_path / "folder")
    os.mkfifo(run / "sandbox" / "pipe")
    return tmp_path / "pods"


@pytest.mark.asyncio
async def test_logs_and_sandbox_are_shown_and_nothing_else(root: Path) -> None:
    assert await SandboxDirectory(root).files(POD, 1) == ["logs/main/stdout", "sandbox/deep/file"]


@pytest.mark.parametrize(
    ("pod", "run"), [(POD, 2), ("other", 1), ("..", 1), ("../pods/" + POD, 1), ("", 1), (f"{POD}/1", 1)]
)
def test_what_is_not_there_has_no_files(root: Path, pod: str, run: int) -> None:
    assert SandboxDirectory(root).list_files(pod, run) == ()


def test_the_list_is_bounded(root: Path) -> None:
    assert len(SandboxDirectory(root, max_files=1).list_files(POD, 1)) == 1


def test_what_is_shown_can_be_read(root: Path) -> None:
    sandboxes = SandboxDirectory(root)
    for path in sandboxes.list_files(POD, 1):
        with sandboxes.open_file(POD, 1, path) as file:
            assert file.read() in {b"out", b"deep"}


@pytest.mark.parametrize(
    "path",
    [
        "",
        "logs",
        "logs/",
        "claim",
        "logs/main",
        "logs/../claim",
        "sandbox/../../1/claim",
        "../1/claim",
        "/etc/passwd",
        "sandbox//deep/file",
        "sandbox/./deep/file",
        "sandbox/link",
        "sandbox/linked/inside",
        "sandbox/pipe",
        "sandbox/deep\0/file",
        "sandbox/nothing",
    ],
)
def test_there_is_no_way_out(root: Path, path: str) -> None:
    with pytest.raises(FileNotFoundError):
        SandboxDirectory(root).open_file(POD, 1, path)


def test_a_run_that_is_a_link_is_not_followed(root: Path) -> None:
    (root / POD / "9").symlink_to(root / POD / "1")
    assert SandboxDirectory(root).list_files(POD, 9) == ()
    with pytest.raises(FileNotFoundError):
        SandboxDirectory(root).open_file(POD, 9, "logs/main/stdout")
