"""Slots: processes that are kept warm, each of which does one task at a time."""

from actors.effects.slots.book import Why
from actors.effects.slots.lease import Asked, Lease, NoSlot, SlotRules, Want
from actors.effects.slots.slots import Slots

__all__ = ["Asked", "Lease", "NoSlot", "SlotRules", "Slots", "Want", "Why"]
