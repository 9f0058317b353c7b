"""What is asked of the slots, and what is had of them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from actors.effects.exchange import Exchange
from actors.effects.slots.book import Why
from actors.kernel.request import Request
from events.attachment import Attachment
from events.frozen import frozen
from events.pod import PodSpec
from events.task import FailureKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRules:
    """What the settings say of slots."""

    is_patient: bool = True
    evicts: bool = True
    header_limit: int = 65_536
    listen_s: float = 5.0
    """Time that a process has until it listens."""
    freeze_s: float = 0.0
    """Time after which an idle process is stopped until it is needed; 0 for never."""


@frozen
class Want:
    """A slot that is wanted, and for what."""

    key: bytes
    """Slots of one key are alike."""
    spec: Callable[[Path], PodSpec]
    """What runs in the slot, given where it has to make its socket. Equal for equal keys."""
    idle_s: float
    """How long the slot stays when it has nothing to do."""
    limit_us: int
    """Microseconds that the task may take."""
    program: Attachment | None
    """What the journal is to say of the task."""
    asker: Request
    """Who asks for it; its command is not looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A slot that somebody waits for."""

    want: Want
    ticket: int
    granted: "asyncio.Future[str]"
    """The slot, which is theirs from then on."""


@frozen(kw_only=False)
class Start:
    """How long the start of a slot took, in nanoseconds."""

    prepare_ns: int = 0
    """Until its pod was asked for."""
    create_ns: int = 0
    """From there until its process was started."""
    listen_ns: int = 0
    """From there until it listened."""


class NoSlot(Exception):  # noqa: N818 - said to who asked
    """There is no slot; nothing was done, and nothing has seen the task."""

    def __init__(self, why: Why, reason: str = "", *, is_late: bool = False) -> None:
        super().__init__(reason or why.name)
        self.why = why
        self.reason = reason
        """Why a slot did not come up, empty for other whys."""
        self.is_late = is_late
        """Whether it did not come up in time."""


@frozen(kw_only=False)
class End:
    """How a task ended: well, or by a fault."""

    kind: FailureKind | None = None
    message: str = ""


class Settling(Protocol):
    """Who stores how tasks end."""

    def __call__(self, lease: "Lease", end: End, *, is_kept: bool) -> Awaitable[None]:
        """Store it, and free the slot or have it end: under way when this returns, whoever waits."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A slot that a task holds, from the commit that says so to the commit of its end."""

    slot: str
    task: str
    """Stream of the task."""
    pod: str
    """Id of the slot's pod."""
    exchange: Exchange
    started_at: int
    """Microseconds since the epoch, UTC."""
    start: Start
    """Of the slot; zeros when it was warm."""
    settling: Settling

    def settle(self, end: End, *, is_kept: bool) -> Awaitable[None]:
        """Store how the task ended; the slot does others only if it is kept. Once for each lease.

        It is done whether what is returned is awaited or not.
        """
        return self.settling(self, end, is_kept=is_kept)
