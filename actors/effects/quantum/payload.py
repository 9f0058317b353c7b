"""The plaintext of a job: `local-quil/1`, or bare Quil.

1. A first byte `{` makes it JSON; anything else is bare Quil, run once.
2. Strict: what is not expected is refused, never ignored, and a member stands once.
3. Sizes are bounded before anything is read.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from actors.effects.quantum.refusals import JobRefused

FORMAT = "local-quil/1"
MAX_SHOTS = 65_535
MAX_PLAINTEXT = 8 * 1024 * 1024
"""Bytes of a whole plaintext."""
MAX_SETTINGS = 256
MAX_MICROSECONDS = 2**53
_MIN_SEED, _MAX_SEED = -(2**63), 2**64 - 1
_MEMBERS = frozenset({"format", "quil", "shots", "seed", "estimated_duration_us", "hold_us", "settings"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What a job asks for."""

    quil: str
    """The programme's text, not parsed yet."""
    shots: int = 1
    """1 to 65535."""
    seed: int | None = None
    """None: the job's id supplies one."""
    estimated_duration_us: int | None = None
    """Microseconds the job is expected to hold the hardware; None: no estimate."""
    hold_us: int = 0
    """Least microseconds for which the job occupies its slot."""
    settings: tuple[str, ...] = ()
    """Names of the settings that the job would change, sorted."""


def read_payload(plaintext: bytes) -> Payload:
    """Read a decrypted job.

    Raises:
        JobRefused: for anything that is not exactly as the format says.
    """
    if len(plaintext) > MAX_PLAINTEXT:
        raise JobRefused(f"the job is longer than {MAX_PLAINTEXT} bytes")
    try:
        text = plaintext.decode()
    except UnicodeDecodeError:
        raise JobRefused("the job is not UTF-8") from None
    if not text.strip():
        raise JobRefused("the job is empty")
    return _read_members(_object(text)) if text.startswith("{") else Payload(quil=text)


def write_payload(payload: Payload) -> bytes:
    """Write the JSON form, as a client would: the inverse of `read_payload`."""
    members: dict[str, object] = {"format": FORMAT, "quil": payload.quil, "shots": payload.shots}
    if payload.seed is not None:
        members["seed"] = payload.seed
    if payload.estimated_duration_us is not None:
        members["estimated_duration_us"] = payload.estimated_duration_us
    if payload.hold_us:
        members["hold_us"] = payload.hold_us
    if payload.settings:
        members["settings"] = dict.fromkeys(payload.settings, True)
    return json.dumps(members).encode()


def _object(text: str) -> Mapping[str, object]:
    try:
        read = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise JobRefused(f"the job is not JSON: {error}") from None
    if not isinstance(read, dict):  # cannot be after a brace; says so to the type checker
        raise JobRefused("the job is not a JSON object")
    return read


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JobRefused("a member of the job's JSON stands twice")
    return members


def _no_constant(constant: str) -> object:
    raise JobRefused(f"the job's JSON holds {constant}")


def _read_members(members: Mapping[str, object]) -> Payload:
    if unknown := sorted(set(members) - _MEMBERS):
        raise JobRefused(f"the job has an unknown member {_short(unknown[0])}")
    if members.get("format") != FORMAT:
        raise JobRefused(f'the job\'s "format" is not "{FORMAT}"')
    quil = members.get("quil")
    if not isinstance(quil, str) or not quil.strip() or not _is_encodable(quil):
        raise JobRefused('the job\'s "quil" is not a text with a programme')
    return Payload(
        quil=quil,
        shots=_whole(members, "shots", 1, MAX_SHOTS) if "shots" in members else 1,
        seed=_whole(members, "seed", _MIN_SEED, _MAX_SEED) if "seed" in members else None,
        estimated_duration_us=(
            _whole(members, "estimated_duration_us", 0, MAX_MICROSECONDS)
            if "estimated_duration_us" in members
            else None
        ),
        hold_us=_whole(members, "hold_us", 0, MAX_MICROSECONDS) if "hold_us" in members else 0,
        settings=_settings(members.get("settings", {})),
    )


def _whole(members: Mapping[str, object], name: str, least: int, most: int) -> int:
    value = members[name]
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise JobRefused(f'the job\'s "{name}" is not a whole number from {least} to {most}')
    return value


def _settings(settings: object) -> tuple[str, ...]:
    if (
        not isinstance(settings, dict)
        or len(settings) > MAX_SETTINGS
        or not all(name and _is_encodable(name) for name in settings)
    ):
        raise JobRefused(f'the job\'s "settings" are not an object of at most {MAX_SETTINGS} named settings')
    return tuple(sorted(settings))


def _is_encodable(text: str) -> bool:
    """False for half a surrogate pair, which JSON can spell and UTF-8 cannot."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _short(word: str) -> str:
    return ascii(word if len(word) <= 40 else f"{word[:40]}…")  # noqa: PLR2004 a readable length
