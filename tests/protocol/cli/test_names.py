"""What a user calls a pod."""

import asyncio
from typing import cast

import pytest

from protocol.cli.connection import Connection, Failed
from protocol.cli.exits import Exit
from protocol.cli.names import PodRef, find_pod, is_pod

JOB = "01a204e6-ae70-7162-92b3-b2e06739e724"
NOBODY = cast("Connection", None)


@pytest.mark.parametrize("before", ["", "pod/"])
def test_a_pod_is_found_by_its_name(before: str) -> None:
    assert asyncio.run(find_pod(NOBODY, f"{before}{JOB.upper()}-7")) == PodRef(JOB, 7)
    assert asyncio.run(find_pod(NOBODY, f"{before}{JOB}-7-3")) == PodRef(JOB, 7, 3)
    assert is_pod(f"{before}{JOB}-7")


@pytest.mark.parametrize("number", ["9" * 5_000, "٣", "-1", ""])
def test_what_cannot_be_a_number_is_none(number: str) -> None:
    """Of thousands of digits Python makes none, and clients have other digits than ours."""
    with pytest.raises(Failed) as failed:
        asyncio.run(find_pod(NOBODY, f"pod/{number}"))
    assert failed.value.code is Exit.USAGE
    assert not is_pod(f"{JOB}-{number}")
