"""Sentences of refusals, as far as headers have room for them."""

MAX_SENTENCE = 1024
"""Bytes of a sentence: it travels in headers, three times and with escapes, and these may have 8 KiB."""


def bounded(sentence: str) -> str:
    """Return the beginning of a sentence that headers have room for."""
    return sentence.encode(errors="replace")[:MAX_SENTENCE].decode(errors="ignore")
