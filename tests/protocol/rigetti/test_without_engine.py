"""A server without the extra: submissions say what is missing, everything else works."""

from pathlib import Path

import pytest

from actors.kernel.decider import Code
from protocol.gateway import Refused
from protocol.pb.rigetti.controller import job_pb2
from protocol.rigetti import programs
from protocol.rigetti.programs import NoKeys, Programs, make_keys

MISSING = "the quantum engine is not installed"


@pytest.mark.asyncio
async def test_submissions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "missing_extra", lambda: MISSING)
    reading = Programs(make_keys(None), takes_plaintext=True)
    with pytest.raises(Refused, match=MISSING) as caught:
        await reading.check(job_pb2.EncryptedControllerJob(job=b"H 0"), 4)
    assert caught.value.rejection.code is Code.WRONG_STATE


def test_keys_are_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can be decrypted for, so the file is not looked at."""
    monkeypatch.setattr(programs, "missing_extra", lambda: MISSING)
    keys = make_keys(Path("/nowhere"))
    assert isinstance(keys, NoKeys)
    keys.reload()
