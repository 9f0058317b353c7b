"""Refusals as this API spells them: it has the usual codes."""

from protocol.statuses import USUAL, Statuses

CODES = USUAL
statuses = Statuses("inspect", code_of=lambda rejection: CODES[rejection.code])
unary, stream = statuses.unary, statuses.stream
