"""The log has no warnings where nothing is wrong."""

import json
from pathlib import Path

import pytest

from tests.conformance.peloton.client import Client
from tests.conformance.peloton.server import PROCESSES, QUICK, SIMULATED, serving
from tests.protocol.peloton.messages import job


@pytest.mark.parametrize("hosts", [SIMULATED, PROCESSES])
def test_jobs_that_are_deleted_while_they_start(tmp_path: Path, hosts: str) -> None:
    with serving(tmp_path, hosts + QUICK) as server:
        client = Client(server.grpc)
        for _ in range(12):
            made = client.create(job(instance_count=5))
            client.delete(made.id, made.version, force=True)
            client.await_deleted(made.id)
    lines = [json.loads(line) for line in server.said().splitlines()]
    assert [line for line in lines if line["level"] != "info"] == []
