"""Durable, keyed CreateJob calls against a bare echo of the same sizes, 200 in flight.

1. No host has room, so what is measured is the request's own work: validation, decision, receipt,
   one atomic append synced to disk, and the reply after it. Telling the pods why they wait is the
   server's work too, as far as it falls into the time.
2. The echo is sent the same requests, of the same method with the same metadata, and answers as many bytes.
3. Both servers are on one core, the client on the others.
"""

import asyncio
import itertools
import uuid
from collections.abc import Iterator

from bench import jobs, servers
from bench.ratio import Measure, Result, side_by_side
from bench.scale import FULL, Scale

MEASURE = Measure(name="durable CreateJob, 200 in flight, to a bare echo", at_least=0.5, goal=0.8)
METHOD = jobs.SERVICE + "CreateJob"
IN_FLIGHT = 200


def request() -> bytes:
    """One job of one pod; the server chooses its id."""
    return jobs.create().SerializeToString()


def made_ready(count: int) -> list[jobs.Call]:
    """Return so many calls, each with a key of its own."""
    return [(request(), f"bench-{uuid.uuid4()}") for _ in range(count)]


async def rate(address: str, keys: Iterator[int], *, calls: int, in_flight: int) -> float:
    """Return calls per second of new jobs, keyed by number."""
    ready = [(request(), f"bench-{next(keys)}") for _ in range(calls)]
    return await jobs.rate(address, METHOD, ready, in_flight=in_flight)


def measure(scale: Scale = FULL) -> Result:
    """Measure calls per second on either side."""
    rounds = [made_ready(scale.calls) for _ in range(scale.rounds + 1)]
    sent = {"ours": itertools.count(), "peer": itertools.count()}
    with servers.polyplane(servers.NO_ROOM) as ours, servers.echo(jobs.created_reply()) as peer:
        return side_by_side(
            MEASURE,
            lambda: asyncio.run(jobs.rate(ours, METHOD, rounds[next(sent["ours"])], in_flight=IN_FLIGHT)),
            lambda: asyncio.run(jobs.rate(peer, METHOD, rounds[next(sent["peer"])], in_flight=IN_FLIGHT)),
            rounds=scale.rounds,
        )
