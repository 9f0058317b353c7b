"""Blobs: one contract over files and memory, then what only files can do."""

import hashlib
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.journal import BlobMissing, BlobRef, Blobs, FileBlobs, MemoryBlobs


@pytest.fixture(params=["files", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    return FileBlobs(tmp_path / "blobs") if request.param == "files" else MemoryBlobs()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(body=st.binary(max_size=200))
def test_what_is_put_is_got_under_its_hash(blobs: Blobs, body: bytes) -> None:
    ref = blobs.put(body)
    assert ref == hashlib.sha256(body).hexdigest()
    assert blobs.get(ref) == body
    assert ref in blobs.refs()


def test_equal_bytes_are_one_blob(blobs: Blobs) -> None:
    assert blobs.put(b"a") == blobs.put(b"a")
    assert len(blobs.refs()) == 1


@pytest.mark.parametrize("ref", ["0" * 64, "", "../../etc/passwd", "A" * 64, "0" * 63, f"{'0' * 64}\n"])
def test_what_was_not_put_is_missing(blobs: Blobs, ref: str) -> None:
    with pytest.raises(BlobMissing):
        blobs.get(BlobRef(ref))


def test_sweeping_removes_what_is_not_referenced(blobs: Blobs) -> None:
    kept, gone = blobs.put(b"kept"), blobs.put(b"gone")
    assert blobs.sweep({kept}) == 1
    assert blobs.refs() == [kept]
    assert blobs.get(kept) == b"kept"
    with pytest.raises(BlobMissing):
        blobs.get(gone)
    assert blobs.put(b"gone") == gone


def test_files_outlive_their_object_and_are_private(tmp_path: Path) -> None:
    ref = FileBlobs(tmp_path / "blobs").put(b"secret")
    assert FileBlobs(tmp_path / "blobs").get(ref) == b"secret"
    for path in [tmp_path / "blobs", *(tmp_path / "blobs").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_damaged_file_is_not_returned(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path)
    ref = blobs.put(b"whole")
    (tmp_path / ref[:2] / ref[2:]).write_bytes(b"half")
    with pytest.raises(BlobMissing, match="damaged"):
        blobs.get(ref)


def test_what_is_damaged_and_put_again_is_whole(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path)
    ref = blobs.put(b"whole")
    (tmp_path / ref[:2] / ref[2:]).write_bytes(b"half")
    assert blobs.put(b"whole") == ref
    assert blobs.get(ref) == b"whole"


def test_what_the_disk_does_not_give_is_missing(tmp_path: Path) -> None:
    """Whatever keeps a blob from being read, it is its event alone that cannot be."""
    blobs = FileBlobs(tmp_path)
    ref = blobs.put(b"whole")
    place = tmp_path / ref[:2] / ref[2:]
    place.unlink()
    place.mkdir()
    with pytest.raises(BlobMissing, match="cannot be read: Is a directory"):
        blobs.get(ref)


def test_sweeping_removes_what_a_crash_left_half_written(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path)
    ref = blobs.put(b"whole")
    half = tmp_path / ref[:2] / "abc.tmp"
    half.write_bytes(b"ha")
    assert blobs.refs() == [ref]
    assert blobs.sweep({ref}) == 0
    assert not half.exists()


def test_a_disk_that_refuses_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = FileBlobs(tmp_path)

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", refuse)
        with pytest.raises(OSError, match="No space"):
            blobs.put(b"body")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert blobs.get(blobs.put(b"body")) == b"body"
