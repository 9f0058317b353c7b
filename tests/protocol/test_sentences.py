"""Refusals fit into headers, whatever they quote, of every API that spells them as rich statuses."""

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.kernel.decider import Code, Rejection
from protocol.inspect.errors import statuses as of_inspect
from protocol.peloton.errors import statuses as of_peloton
from protocol.rigetti.errors import statuses as of_rigetti
from protocol.sentences import MAX_SENTENCE, bounded
from protocol.statuses import Statuses


@given(st.text(max_size=3_000) | st.text(st.characters(min_codepoint=0xD800), min_size=300, max_size=3_000))
def test_a_sentence_is_cut_where_a_character_ends(sentence: str) -> None:
    cut = bounded(sentence)
    assert len(cut.encode()) <= MAX_SENTENCE
    assert sentence.encode(errors="replace").decode().startswith(cut)


@pytest.mark.parametrize("statuses", [of_inspect, of_peloton, of_rigetti])
@pytest.mark.parametrize("code", list(Code))
@pytest.mark.parametrize("name", ["x", "é", "😀", "\n", "%"])
def test_headers_have_room(statuses: Statuses, code: Code, name: str) -> None:
    status = statuses.of(Rejection(code, f"name: {name * 5_000}", "name"))
    assert len(quote(status.message)) + len(base64.b64encode(status.SerializeToString())) < 7 * 1024
