"""Refusals fit into headers, whatever they quote, of every API that spells them as rich statuses."""

import base64
from collections.abc import Callable
from urllib.parse import quote

import pytest
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st

from actors.kernel.decider import Code, Rejection
from protocol.inspect.errors import status_of as of_inspect
from protocol.peloton.errors import status_of as of_peloton
from protocol.rigetti.errors import status_of as of_rigetti
from protocol.sentences import MAX_SENTENCE, bounded


@given(st.text(max_size=3_000) | st.text(st.characters(min_codepoint=0xD800), min_size=300, max_size=3_000))
def test_a_sentence_is_cut_where_a_character_ends(sentence: str) -> None:
    cut = bounded(sentence)
    assert len(cut.encode()) <= MAX_SENTENCE
    assert sentence.encode(errors="replace").decode().startswith(cut)


@pytest.mark.parametrize("spell", [of_inspect, of_peloton, of_rigetti])
@pytest.mark.parametrize("code", list(Code))
@pytest.mark.parametrize("name", ["x", "é", "😀", "\n", "%"])
def test_headers_have_room(spell: Callable[[Rejection], Status], code: Code, name: str) -> None:
    status = spell(Rejection(code, f"name: {name * 5_000}", "name"))
    assert len(quote(status.message)) + len(base64.b64encode(status.SerializeToString())) < 7 * 1024
