"""Content-addressed bytes: what is too long for a row of the journal.

1. A blob's name is the SHA-256 of its bytes, so equal bytes are stored once and never change.
2. When `put` has returned, the bytes survive a crash of the machine: file and directory are synced.
3. A blob is whole or absent: it is written beside its place and renamed into it.
4. Names are checked before they become paths; bytes are checked against their name when read.
5. `sweep` runs while nobody puts: what was put for an append that is still waiting is unreferenced.
"""

import hashlib
import os
import re
import tempfile
from collections.abc import Container, Iterator
from pathlib import Path
from typing import NewType, Protocol

BlobRef = NewType("BlobRef", str)
"""SHA-256 of the bytes, 64 lower-case hexadecimal digits."""

_REF = re.compile(r"[0-9a-f]{64}")


class BlobMissing(Exception):  # noqa: N818 - a refusal is named for what is wrong
    """No blob has this name, or it is damaged or cannot be read; the text says which."""


class Blobs(Protocol):
    """Where blobs stand. May be used by several threads."""

    def put(self, body: bytes) -> BlobRef:
        """Store bytes; storing them again does no harm. Raises OSError when the disk refuses."""

    def get(self, ref: BlobRef) -> bytes:
        """Return the bytes. Raises BlobMissing."""

    def refs(self) -> list[BlobRef]:
        """Return the names of all blobs, sorted."""

    def sweep(self, referenced: Container[str]) -> int:
        """Remove blobs that are not referenced; return how many."""


def ref_of(body: bytes) -> BlobRef:
    """Return the name under which the bytes are stored."""
    return BlobRef(hashlib.sha256(body).hexdigest())


class MemoryBlobs:
    """Blobs that end with the process."""

    def __init__(self) -> None:
        self._bodies: dict[BlobRef, bytes] = {}

    def put(self, body: bytes) -> BlobRef:
        """Store bytes."""
        ref = ref_of(body)
        self._bodies[ref] = bytes(body)
        return ref

    def get(self, ref: BlobRef) -> bytes:
        """Return the bytes."""
        body = self._bodies.get(ref)
        if body is None:
            raise BlobMissing(f"blob {ref!r} does not exist")
        return body

    def refs(self) -> list[BlobRef]:
        """Return the names of all blobs, sorted."""
        return sorted(self._bodies)

    def sweep(self, referenced: Container[str]) -> int:
        """Remove blobs that are not referenced; return how many."""
        garbage = [ref for ref in self.refs() if ref not in referenced]
        for ref in garbage:
            del self._bodies[ref]
        return len(garbage)


class FileBlobs:
    """Blobs as files `<first two digits>/<the others>` of a directory, made when missing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, body: bytes) -> BlobRef:
        """Store bytes and sync them to disk."""
        ref = ref_of(body)
        place = self._place(ref)
        if not _holds(place, body):
            if not place.parent.exists():
                place.parent.mkdir(mode=0o700, exist_ok=True)
                _sync_directory(self._path)
            self._write(place, body)
        # Also when the file is there: whoever renamed it may have died before this.
        _sync_directory(place.parent)
        return ref

    def get(self, ref: BlobRef) -> bytes:
        """Return the bytes."""
        if not _REF.fullmatch(ref):
            raise BlobMissing(f"{ref!r} is no name of a blob")
        try:
            body = self._place(ref).read_bytes()
        except FileNotFoundError:
            raise BlobMissing(f"blob {ref!r} does not exist") from None
        except OSError as error:
            raise BlobMissing(f"blob {ref!r} cannot be read: {error.strerror}") from error
        if ref_of(body) != ref:
            raise BlobMissing(f"blob {ref!r} is damaged")
        return body

    def refs(self) -> list[BlobRef]:
        """Return the names of all blobs, sorted."""
        return sorted(BlobRef(place.parent.name + place.name) for place in self._files() if _is_blob(place))

    def sweep(self, referenced: Container[str]) -> int:
        """Remove blobs that are not referenced, and halves of a crash; return how many blobs."""
        count = 0
        for place in list(self._files()):
            if not _is_blob(place):
                if place.suffix == ".tmp":
                    place.unlink()
            elif place.parent.name + place.name not in referenced:
                place.unlink()
                count += 1
        return count

    def _place(self, ref: BlobRef) -> Path:
        return self._path / ref[:2] / ref[2:]

    def _files(self) -> Iterator[Path]:
        return self._path.glob("[0-9a-f][0-9a-f]/*")

    def _write(self, place: Path, body: bytes) -> None:
        descriptor, name = tempfile.mkstemp(dir=place.parent, suffix=".tmp")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _holds(place: Path, body: bytes) -> bool:
    """Return whether a file has just these bytes: one that was damaged is written again."""
    try:
        return place.read_bytes() == body
    except OSError:
        return False


def _is_blob(place: Path) -> bool:
    return _REF.fullmatch(place.parent.name + place.name) is not None


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
