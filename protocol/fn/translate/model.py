"""Reads `TryCall.models_call_json`: what is to be run, for whom, and within which bounds.

1. Unknown keys are ignored, missing ones and nulls are zero; a key of another type is unparsable.
2. An annotation is kept as it was written, without the white space: it is part of the slot's key.
3. Times in the model are not looked at: the runner has its own.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import NoReturn

from events.frozen import frozen
from protocol.fn.translate.outcomes import INVALID_CPUS, INVALID_JSON, Unfit, unparsable

DETACHED = "detached"
MAX_MILLI_CPUS = 1_024_000
_MAX_INT32, _MAX_UINT32, _MAX_UINT64 = 2**31 - 1, 2**32 - 1, 2**64 - 1
_MILLI = re.compile(r"[0-9]{1,10}m\Z")
_CORES = re.compile(r"[0-9]{1,10}(?:\.[0-9]{0,20})?\Z|\.[0-9]{1,20}\Z")
_SURROGATES = re.compile("[\ud800-\udfff]")
_SPACE = re.compile(r"""("(?:[^"\\]|\\.)*")|[ \t\r\n]+""", re.DOTALL)
_GAP = re.compile(r"[ \t\r\n]*")


@frozen
class CallModel:
    """One call, as the load balancer describes it."""

    id: str = ""
    app_id: str = ""
    fn_id: str = ""
    image: str = ""
    type: str = ""
    syslog_url: str = ""
    timeout_s: int = 0
    idle_timeout_s: int = 0
    memory_mb: int = 0
    tmpfs_mb: int = 0
    milli_cpus: int = 0
    """0 for no limit."""
    config: tuple[tuple[str, str], ...] = ()
    """In the order of their bytes."""
    annotations: tuple[tuple[str, str], ...] = ()
    """In the order of their bytes; values are compact JSON."""
    headers: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def is_detached(self) -> bool:
        """True when the client does not wait for what comes of it."""
        return self.type == DETACHED


def read_model(text: str) -> CallModel:
    """Read a call. Raises Unfit."""
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise Unfit(unparsable(f"invalid JSON: {error}")) from None
    if not isinstance(value, dict):
        _wrong("the call", "an object")
    keys = _Keys(value)
    return CallModel(
        id=keys.text("id"),
        app_id=keys.text("app_id"),
        fn_id=keys.text("fn_id"),
        image=keys.text("image"),
        type=keys.text("type"),
        syslog_url=keys.text("syslog_url"),
        timeout_s=keys.number("timeout", -_MAX_INT32 - 1, _MAX_INT32),
        idle_timeout_s=keys.number("idle_timeout", -_MAX_INT32 - 1, _MAX_INT32),
        memory_mb=keys.number("memory", 0, _MAX_UINT64),
        tmpfs_mb=keys.number("tmpfs_size", 0, _MAX_UINT32),
        milli_cpus=_milli_cpus(value.get("cpus")),
        config=in_order(keys.texts("config")),
        annotations=in_order(_annotations(text)) if keys.mapping("annotations") else (),
        headers=keys.headers("headers"),
    )


def in_order(mapping: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the pairs in the order of the keys' bytes."""
    return tuple(sorted(mapping.items(), key=lambda pair: pair[0].encode()))


class _Keys:
    """The keys of an object, each read as what it has to be."""

    def __init__(self, value: Mapping[str, object]) -> None:
        self._value = value

    def text(self, key: str) -> str:
        value = self._value.get(key)
        if value is None:
            return ""
        return _whole(value) if isinstance(value, str) else _wrong(key, "a string")

    def number(self, key: str, least: int, most: int) -> int:
        value = self._value.get(key)
        if value is None:
            return 0
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            _wrong(key, f"a whole number from {least} to {most}")
        return value

    def mapping(self, key: str) -> Mapping[str, object]:
        value = self._value.get(key)
        if value is None:
            return {}
        return value if isinstance(value, dict) else _wrong(key, "an object")

    def texts(self, key: str) -> Mapping[str, str]:
        found = {}
        for name, value in self.mapping(key).items():
            if not isinstance(value, str | None):
                _wrong(f"{key}.{_whole(name)}", "a string")
            found[_whole(name)] = _whole(value or "")
        return found

    def headers(self, key: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        found = []
        for name, values in self.mapping(key).items():
            if values is None:
                values = []  # noqa: PLW2901 - what a null stands for
            if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
                _wrong(f"{key}.{_whole(name)}", "a list of strings")
            found.append((_whole(name), tuple(_whole(value) for value in values)))
        return tuple(found)


def _milli_cpus(value: object) -> int:
    if value is None or value == "":
        return 0
    if not isinstance(value, str):
        raise Unfit(INVALID_JSON)
    if _MILLI.match(value):
        milli = int(value[:-1])
    elif _CORES.match(value):
        milli = int(float(value) * 1000)
    else:
        raise Unfit(INVALID_CPUS)
    if milli > MAX_MILLI_CPUS:
        raise Unfit(INVALID_CPUS)
    return milli


def _annotations(text: str) -> Mapping[str, str]:
    """Return each annotation as it was written; the text is known to be valid."""
    written = {}
    for key, start, _ in _members(text, 0):
        if key == "annotations":
            written = {
                _whole(name): _whole(_SPACE.sub(lambda found: found[1] or "", text[begin:end]))
                for name, begin, end in _members(text, start)
            }
    return written


def _members(text: str, start: int) -> Iterator[tuple[str, int, int]]:
    """Yield the members of the object that begins at `start`: key, and where the value stands."""
    place = _gap(text, _gap(text, start) + 1)
    while text[place] != "}":
        key, place = _DECODER.raw_decode(text, place)
        place = _gap(text, _gap(text, place) + 1)
        _, end = _DECODER.raw_decode(text, place)
        yield key, place, end
        place = _gap(text, end)
        if text[place] == ",":
            place = _gap(text, place + 1)


def _gap(text: str, place: int) -> int:
    found = _GAP.match(text, place)
    return found.end() if found else place


def _whole(text: str) -> str:
    """Replace halves of characters, which cannot be encoded."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _wrong(key: str, what: str) -> NoReturn:
    raise Unfit(unparsable(f"invalid call: {key} must be {what}"))


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
