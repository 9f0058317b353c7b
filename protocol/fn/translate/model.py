"""Reads `TryCall.models_call_json`: what is to be run, for whom, and within which bounds.

1. Unknown keys are ignored, missing ones and nulls are zero; a key of another type is unparsable.
2. An annotation is kept as it was written, without the white space: it is part of the slot's key.
3. Times in the model are not looked at: the runner has its own.
"""

import re
from collections.abc import Mapping
from typing import Annotated

import msgspec

from events.frozen import frozen
from protocol.fn.translate.outcomes import INVALID_CPUS, INVALID_JSON, Unfit, unparsable

DETACHED = "detached"
MAX_MILLI_CPUS = 1_024_000
_Seconds = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]
_MILLI = re.compile(r"[0-9]{1,10}m\Z")
_CORES = re.compile(r"[0-9]{1,10}(?:\.[0-9]{0,20})?\Z|\.[0-9]{1,20}\Z")
_SPACE = re.compile(r"""("(?:[^"\\]|\\.)*")|[ \t\r\n]+""", re.DOTALL)
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""What is escaped in a text, the halves of characters as a group: they cannot be encoded."""


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


class _Written(msgspec.Struct):
    """A call as it is written."""

    id: str | None = None
    app_id: str | None = None
    fn_id: str | None = None
    image: str | None = None
    type: str | None = None
    syslog_url: str | None = None
    timeout: _Seconds | None = None
    idle_timeout: _Seconds | None = None
    memory: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None
    tmpfs_size: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] | None = None
    cpus: object = None
    config: dict[str, str | None] | None = None
    annotations: dict[str, msgspec.Raw] | None = None
    headers: dict[str, list[str] | None] | None = None


_decode = msgspec.json.Decoder(_Written).decode


def read_model(text: str) -> CallModel:
    """Read a call. Raises Unfit."""
    call = _read(text)
    return CallModel(
        id=call.id or "",
        app_id=call.app_id or "",
        fn_id=call.fn_id or "",
        image=call.image or "",
        type=call.type or "",
        syslog_url=call.syslog_url or "",
        timeout_s=call.timeout or 0,
        idle_timeout_s=call.idle_timeout or 0,
        memory_mb=call.memory or 0,
        tmpfs_mb=call.tmpfs_size or 0,
        milli_cpus=_milli_cpus(call.cpus),
        config=in_order({name: value or "" for name, value in call.config.items()}) if call.config else (),
        annotations=_annotations(call.annotations) if call.annotations else (),
        headers=tuple([(name, tuple(values or ())) for name, values in call.headers.items()])
        if call.headers
        else (),
    )


def _read(text: str) -> _Written:
    try:
        try:
            return _decode(text)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            # Others read half a character, and so does a load balancer: it is replaced.
            return _decode(_ESCAPE.sub(lambda found: "\\ufffd" if found[1] else found[0], text))
    except (ValueError, RecursionError) as error:
        raise Unfit(unparsable(f"invalid call: {error}")) from None


def in_order(mapping: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the pairs in the order of the keys' bytes."""
    return tuple(sorted(mapping.items(), key=lambda pair: pair[0].encode()))


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


def _annotations(written: Mapping[str, msgspec.Raw]) -> tuple[tuple[str, str], ...]:
    """Return each annotation as it was written."""
    return in_order(
        {name: _SPACE.sub(lambda found: found[1] or "", str(raw, "utf-8")) for name, raw in written.items()}
    )
