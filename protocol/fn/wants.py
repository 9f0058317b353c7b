"""Makes of a call the slot that it needs, and of a slot that it does not get the reason.

1. Everything that is wrong with a call is said before a slot is looked for.
"""

from functools import lru_cache
from typing import assert_never

import msgspec

from actors.effects.slots import NoSlot, Want, Why
from actors.kernel.request import Request
from events.attachment import Attachment
from events.frozen import replace
from protocol.fn.functions import Functions, configured, pod_of
from protocol.fn.rules import Rules
from protocol.fn.translate.engagement import Seek
from protocol.fn.translate.headers import Headers, request_headers
from protocol.fn.translate.model import CallModel
from protocol.fn.translate.outcomes import (
    IMPOSSIBLE,
    NOT_DETACHED,
    RETRY,
    Fault,
    Unfit,
    initialized_late,
    not_initialized,
)
from protocol.fn.translate.slot_key import key_of, slot_key
from protocol.gateway import Call

PROGRAM = "fn.call"
SHOWN = 256
"""Characters of a text that the journal is told."""
KEYS = 256
"""Slot keys that are remembered, each with what it was computed of."""
SMALL = 8_192
"""Characters of a description whose key is remembered: what callers send may be of any size."""


class Wants:
    """What calls need."""

    def __init__(self, functions: Functions, rules: Rules) -> None:
        self._functions = functions
        self._rules = rules

    def of(self, seek: Seek, call: Call) -> tuple[Want, Headers]:
        """Return the slot that a call needs, and the headers that its function gets. Raises Unfit."""
        model = seek.call
        if model.is_detached and not self._rules.takes_detached:
            raise Unfit(NOT_DETACHED)
        key = key_of(model, seek.slot_hash_id) if seek.slot_hash_id else _key(_identity(model))
        function = self._functions.of(model.image)
        if function is None:
            raise Unfit(not_initialized(f"no function is configured for image {model.image[:SHOWN]!r}"))
        if function.number:
            key += function.number.to_bytes(8)
        headers = request_headers(model, self._rules.header_limit)
        want = Want(
            key=key,
            spec=pod_of(function, model),
            idle_s=max(0, model.idle_timeout_s),
            limit_us=model.timeout_s * 1_000_000,
            program=_program(model),
            asker=Request(
                command=None,
                principal=call.principal,
                origin=call.origin,
                request_id=call.request_id,
                trace=call.trace,
            ),
        )
        return want, headers


def fault_of(no: NoSlot, listen_s: float) -> Fault:
    """Return why a call ended that got no slot."""
    match no.why:
        case Why.NO_ROOM | Why.CLOSED:
            return RETRY
        case Why.TOO_LARGE:
            return IMPOSSIBLE
        case Why.FAILED:
            return initialized_late(listen_s) if no.is_late else not_initialized(no.reason)
        case _:
            assert_never(no.why)


def _identity(model: CallModel) -> CallModel:
    """Return what of a call its slot's key is of, and nothing else: equal for calls that share slots."""
    return CallModel(
        app_id=model.app_id,
        fn_id=model.fn_id,
        image=model.image,
        syslog_url=model.syslog_url,
        timeout_s=model.timeout_s,
        idle_timeout_s=model.idle_timeout_s,
        memory_mb=model.memory_mb,
        tmpfs_mb=model.tmpfs_mb,
        milli_cpus=model.milli_cpus,
        config=model.config,
        annotations=model.annotations,
    )


def _key(identity: CallModel) -> bytes:
    names = (identity.app_id, identity.fn_id, identity.image, identity.syslog_url)
    size = sum(map(len, names)) + sum(
        len(name) + len(value) for name, value in (*identity.config, *identity.annotations)
    )
    return _remembered_key(identity) if size <= SMALL else _new_key(identity)


@lru_cache(maxsize=KEYS)
def _remembered_key(identity: CallModel) -> bytes:
    return _new_key(identity)


def _new_key(identity: CallModel) -> bytes:
    return slot_key(replace(identity, config=configured(identity)))


def _program(model: CallModel) -> Attachment:
    names = {"id": model.id, "app_id": model.app_id, "fn_id": model.fn_id, "image": model.image}
    body = {name: text[:SHOWN] for name, text in names.items()} | {"is_detached": model.is_detached}
    return Attachment(PROGRAM, 1, msgspec.json.encode(body))
