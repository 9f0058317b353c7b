"""A server that is killed while many submit: every key has one set of jobs, whatever was answered."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from tests.conformance.peloton.server import SIMULATED, Server
from tests.conformance.rigetti.client import Client, Status, job
from tests.conformance.rigetti.conftest import TWO
from tests.conformance.rigetti.test_refusals import head

CALLERS, EACH, KILLS = 8, 25, 4


def test_no_key_has_two_sets_of_jobs(tmp_path: Path) -> None:
    pytest.importorskip("quil")
    server = Server(tmp_path, SIMULATED + TWO, keeps=True)
    server.start()
    keys = [[uuid.uuid4() for _ in range(EACH)] for _ in range(CALLERS)]
    told: dict[uuid.UUID, list[str]] = {}
    progress, is_up = threading.Condition(), threading.Event()
    is_up.set()

    def submit(mine: list[uuid.UUID]) -> None:
        for key in mine:
            while key not in told:
                is_up.wait(30)
                client = Client(server.grpc)
                try:
                    ids = client.submit(job(count=3, target="first", key=key))
                except grpc.RpcError:
                    continue  # killed before, while or after it was queued: who knows
                finally:
                    client.channel.close()
                with progress:
                    told[key] = ids
                    progress.notify_all()

    try:
        with ThreadPoolExecutor(CALLERS) as pool:
            callers = [pool.submit(submit, mine) for mine in keys]
            for kill in range(1, KILLS + 1):
                with progress:
                    enough = kill * CALLERS * EACH // (KILLS + 1)
                    assert progress.wait_for(lambda: len(told) >= enough, 60)  # noqa: B023 - waited for here
                is_up.clear()
                server.kill()
                server.start()
                is_up.set()
            for caller in callers:
                caller.result(60)
        client = Client(server.grpc)
        assert head(server) == CALLERS * EACH * 3
        ids = [id for each in told.values() for id in each]  # noqa: A001 - the name of the thing
        assert len(set(ids)) == CALLERS * EACH * 3
        assert client.status(ids[-1]).status == Status.QUEUED
        for key, first in list(told.items())[:20]:
            assert client.submit(job(count=3, target="first", key=key)) == first
    finally:
        server.close()
    assert "Traceback" not in server.said()


def test_who_goes_away_leaves_all_or_nothing(waiting: Client) -> None:
    """The call is cancelled at once; the same key then answers one set, whether or not it was queued."""
    for _ in range(30):
        request = job(count=2, target="first", key=uuid.uuid4())
        call = waiting.stub.ExecuteControllerJob.future(request, timeout=60)
        call.cancel()  # type: ignore[attr-defined] # a future of gRPC's has it
        ids = waiting.submit(request)
        assert len(set(ids)) == 2
        assert waiting.submit(request) == ids
