"""What is left out of the log, and what is not."""

import logging

import pytest

from protocol.logs import is_news


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("grpc._cython.cygrpc", "ExecuteBatchError raised in core by servicer method [/a/B]", False),
        ("grpc._cython.cygrpc", "Unexpected [ValueError] raised by servicer method [/a/B]", True),
        ("uvicorn", "ExecuteBatchError", True),
    ],
)
def test_a_client_that_went_away_is_no_news(name: str, text: str, expected: bool) -> None:  # noqa: FBT001 - a case of the table
    record = logging.LogRecord(name, logging.ERROR, __file__, 1, text, None, None)
    assert is_news(record) is expected
