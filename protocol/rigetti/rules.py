"""What the settings say of this API."""

from collections.abc import Mapping
from dataclasses import dataclass

from protocol.rigetti.translate.limits import Limits

ADMIN = "settings-admin"
"""The role whose jobs may change managed settings."""
EVERY = "*"
"""Stands for every name of a setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """One quantum processor."""

    endpoints: tuple[str, ...]
    max_qubits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is allowed, and for how long."""

    processors: Mapping[str, Processor]
    limits: Limits
    retention_us: int
    queue_capacity: int
    """Jobs that may wait for one processor."""
    managed_settings: frozenset[str]
    result_wait_s: float
    """Longest time that a reader waits for a result."""

    def is_managed(self, setting: str) -> bool:
        """Return whether a setting is protected."""
        return EVERY in self.managed_settings or setting in self.managed_settings
