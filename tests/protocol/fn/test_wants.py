"""What is remembered of calls makes the next one cheaper, and is bounded whatever callers send."""

import pytest

from events.frozen import replace
from protocol.fn import wants
from protocol.fn.function import Function
from protocol.fn.functions import Functions, configured
from protocol.fn.rules import Rules
from protocol.fn.translate.engagement import Seek
from protocol.fn.translate.model import CallModel
from protocol.fn.translate.slot_key import slot_key
from protocol.fn.wants import KEYS, SMALL, Wants
from protocol.gateway import Call

CALL = Call(principal="local", origin="fn", request_id="r")
LONG = "x" * SMALL


def key_for(model: CallModel) -> bytes:
    functions = Functions({model.image: Function(command=("true",))}, dict)
    return Wants(functions, Rules()).of(Seek(model, "", ()), CALL)[0].key


@pytest.mark.parametrize(
    "model",
    [
        CallModel(fn_id=LONG, image="i"),
        CallModel(image=f"{LONG}i"),
        CallModel(image="i", config=(("A", LONG),)),
        CallModel(image="i", config=((LONG, ""),)),
        CallModel(image="i", annotations=(("a", LONG),)),
    ],
)
def test_a_long_description_has_its_key_and_is_not_remembered(model: CallModel) -> None:
    wants._remembered_key.cache_clear()
    key = slot_key(replace(model, config=configured(model)))
    assert key_for(model) == key_for(model) == key
    assert wants._remembered_key.cache_info().currsize == 0


def test_short_ones_are_remembered_up_to_a_bound() -> None:
    wants._remembered_key.cache_clear()
    for number in range(KEYS + 10):
        key_for(CallModel(id=str(number), fn_id=str(number), image="i"))
    assert wants._remembered_key.cache_info().currsize == KEYS
    key_for(CallModel(id="another", fn_id=str(KEYS), image="i"))
    assert wants._remembered_key.cache_info().hits == 1
