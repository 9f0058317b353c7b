"""Answers of HTTP/1.1 as their bytes come: a machine without input or output.

1. Bytes are put in with `take`, and `end` tells that no more come; `head` and `piece` say what they mean so
   far, None where more are needed. A header is refused once it is longer than it may be, whole or not.
2. What is not by the letter is GARBAGE: a line that is folded, a length that is none, a coding that is not
   "chunked". What ends before it is whole has ENDED.
3. Nothing is said of bytes after the end of an answer but that they are there.
"""

import re
from collections.abc import Sequence
from enum import Enum, auto

from events.frozen import frozen

Headers = tuple[tuple[bytes, bytes], ...]

INFORMATIONAL = 32
"""Bytes as which an informational answer counts beside its header: many of them are a header without end."""
MAX_CHUNK_LINE = 4_096
_SWITCHING, _NO_CONTENT, _NOT_MODIFIED, _FINAL = 101, 204, 304, 200
_BEGIN = b"HTTP/1."
_EMPTY = (b"\n", b"\r\n")
_HEAD_END = re.compile(rb"\n\r?\n")
_STATUS = re.compile(rb"HTTP/1\.([01]) ([0-9]{3})(?: [\t\x20-\x7e\x80-\xff]*)?\r?\n")
_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)\r?\n")
_LINES = re.compile(b"(?:%b)*\r?\n" % _LINE.pattern)
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection"})
_LENGTH = re.compile(rb"[0-9]{1,18}\Z")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n")


class Trouble(Enum):
    """How a request can break."""

    ENDED = "the connection ended"
    GARBAGE = "the answer is no HTTP"
    HEADER_TOO_LARGE = "the header of the answer is too long"
    INPUT_CLOSED = "the request is no longer read"


class Broken(Exception):  # noqa: N818 - said of the connection
    """The request cannot go on."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


@frozen(kw_only=False)
class Head:
    """The head of an answer."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    """As they came, but for a length beside "chunked": it does not count, and must not be passed on."""


class Stage(Enum):
    """How far an answer is."""

    HEAD = auto()
    SIZED = auto()
    """So many bytes of the body are to come."""
    CHUNK = auto()
    """The size of a chunk is to come."""
    CHUNK_BODY = auto()
    CHUNK_END = auto()
    TRAILER = auto()
    ENDLESS = auto()
    """The body ends with the connection."""
    OVER = auto()


class Answer:
    """One answer after the other, as long as `again` makes ready for the next.

    Args:
        header_limit: Bytes that all headers of an answer may have together.
    """

    def __init__(self, header_limit: int) -> None:
        self._limit = header_limit
        self._received = bytearray()
        self._stage = Stage.HEAD
        self._left = 0
        """Bytes of the body, or of the chunk, that are still to come."""
        self._header_bytes = 0
        self._seen = 0
        """Bytes in which the end of the header does not begin."""
        self._is_ended = False
        self.is_last = False
        """Whether the connection is over with this answer."""

    @property
    def waiting(self) -> int:
        """Bytes that nobody has asked for."""
        return len(self._received)

    @property
    def is_fresh(self) -> bool:
        """Whether nothing has come of it."""
        return self._stage is Stage.HEAD and not self._received and not self._header_bytes

    @property
    def is_over(self) -> bool:
        """Whether all of it was said."""
        return self._stage is Stage.OVER

    def take(self, received: bytes) -> None:
        """Take in bytes."""
        self._received += received

    def end(self) -> None:
        """Take in that no more bytes come."""
        self._is_ended = True

    def again(self) -> None:
        """Make ready for the next answer."""
        self._stage, self._header_bytes, self.is_last = Stage.HEAD, 0, False

    def head(self) -> Head | None:
        """Return the head of the final answer once it is there. Raises Broken."""
        while self._stage is Stage.HEAD:
            found = _HEAD_END.search(self._received, self._seen)
            if found is None:
                self._seen = max(0, len(self._received) - 2)
                self._need_head()
                return None
            block = bytes(self._received[: found.end()])
            self._count(len(block))
            del self._received[: found.end()]
            self._seen = 0
            head = self._read(block)
            if head is not None:
                return head
            self._count(INFORMATIONAL)
        raise Broken(Trouble.ENDED)

    def piece(self) -> bytes | None:
        """Return what there is of the body, b"" after the last of it. Raises Broken."""
        while True:
            match self._stage:
                case Stage.SIZED | Stage.CHUNK_BODY | Stage.ENDLESS:
                    if self._received:
                        return self._cut()
                    return self._need_body()
                case Stage.CHUNK:
                    if not self._read_size():
                        return self._need_body()
                case Stage.CHUNK_END:
                    if not self._read_chunk_end():
                        return self._need_body()
                case Stage.TRAILER:
                    if not self._read_trailer():
                        return self._need_body()
                case Stage.OVER:
                    return b""
                case Stage.HEAD:
                    raise Broken(Trouble.ENDED)

    # ------------------------------------------------------------ heads

    def _need_head(self) -> None:
        if not self._received.startswith(_BEGIN[: len(self._received)]):
            raise Broken(Trouble.GARBAGE)
        if self._header_bytes + len(self._received) > self._limit:
            raise Broken(Trouble.HEADER_TOO_LARGE)
        if self._is_ended:
            raise Broken(Trouble.ENDED)

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > self._limit:
            raise Broken(Trouble.HEADER_TOO_LARGE)

    def _read(self, block: bytes) -> Head | None:
        first = _STATUS.match(block)
        if first is None:
            raise Broken(Trouble.GARBAGE)
        headers = _headers(block, first.end())
        status = int(first[2])
        if status < _FINAL:
            if status == _SWITCHING:
                raise Broken(Trouble.GARBAGE)
            return None
        if self._frame(status, headers, is_old=first[1] == b"0"):
            headers = tuple(each for each in headers if each[0].lower() != b"content-length")
        return Head(status, headers)

    def _frame(self, status: int, headers: Headers, *, is_old: bool) -> bool:
        """Find out where the body ends; tell whether a length does not count (RFC 9112, 6.3)."""
        lengths: list[bytes] = []
        codings: list[bytes] = []
        self.is_last = is_old
        for written, value in headers:
            name = written.lower()
            if name not in _FRAMING:
                continue
            if name == b"content-length":
                lengths += value.split(b",")
            elif name == b"transfer-encoding":
                codings.append(value.lower())
            else:
                self.is_last |= b"close" in [each.strip(b" \t") for each in value.lower().split(b",")]
        length = lengths[0].strip(b" \t") if lengths else b"0"
        if not _LENGTH.match(length) or any(each.strip(b" \t") != length for each in lengths[1:]):
            raise Broken(Trouble.GARBAGE)
        if status in (_NO_CONTENT, _NOT_MODIFIED):
            self._stage = Stage.OVER
        elif codings:
            if codings != [b"chunked"] or is_old:
                raise Broken(Trouble.GARBAGE)
            self._stage = Stage.CHUNK
            return bool(lengths)
        elif lengths:
            self._left = int(length)
            self._stage = Stage.SIZED if self._left else Stage.OVER
        else:
            self._stage, self.is_last = Stage.ENDLESS, True
        return False

    # ------------------------------------------------------------ bodies

    def _need_body(self) -> bytes | None:
        if not self._is_ended:
            return None
        if self._stage is Stage.ENDLESS:
            self._stage = Stage.OVER
            return b""
        raise Broken(Trouble.ENDED)

    def _cut(self) -> bytes:
        received = self._received
        if self._stage is Stage.ENDLESS or len(received) < self._left:
            piece = bytes(received)
            received.clear()
        else:
            piece = bytes(memoryview(received)[: self._left])
            del received[: self._left]
        if self._stage is not Stage.ENDLESS:
            self._left -= len(piece)
            if not self._left:
                self._stage = Stage.OVER if self._stage is Stage.SIZED else Stage.CHUNK_END
        return piece

    def _read_size(self) -> bool:
        found = _CHUNK.match(self._received)
        if found is None:
            if b"\n" in self._received or len(self._received) > MAX_CHUNK_LINE:
                raise Broken(Trouble.GARBAGE)
            return False
        self._left = int(found[1], 16)
        del self._received[: found.end()]
        self._stage = Stage.CHUNK_BODY if self._left else Stage.TRAILER
        return True

    def _read_chunk_end(self) -> bool:
        ending = bytes(self._received[:2])
        if not b"\r\n".startswith(ending):
            raise Broken(Trouble.GARBAGE)
        if len(ending) < 2:  # noqa: PLR2004 - a line's end
            return False
        del self._received[:2]
        self._stage = Stage.CHUNK
        return True

    def _read_trailer(self) -> bool:
        while (end := self._received.find(b"\n")) >= 0:
            line = bytes(self._received[: end + 1])
            del self._received[: end + 1]
            if line in _EMPTY:
                self._stage = Stage.OVER
                return True
            self._count(len(line))
            if _LINE.fullmatch(line) is None:
                raise Broken(Trouble.GARBAGE)
        if self._header_bytes + len(self._received) > self._limit:
            raise Broken(Trouble.HEADER_TOO_LARGE)
        return False


def _headers(block: bytes, place: int) -> Headers:
    if _LINES.fullmatch(block, place) is None:
        raise Broken(Trouble.GARBAGE)
    return tuple([(name, value.strip(b" \t")) for name, value in _LINE.findall(block, place)])
