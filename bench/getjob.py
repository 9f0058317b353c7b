"""GetJob of a job that runs, against an echo that answers the same bytes, 200 in flight.

1. The job has one pod and is in the hot views; the whole of it is asked for: spec, status, workflow.
2. The echo is sent the same request, and answers the bytes that ours has answered.
3. Both servers are on one core, the client on the others.
"""

import asyncio

from bench import jobs, servers
from bench.lives import WITHIN_S, have
from bench.ratio import Measure, Result, side_by_side
from bench.scale import FULL, Scale
from protocol.pb.peloton.api.v1alpha.job.stateless.stateless_pb2 import JobState
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as svc
from protocol.pb.peloton.api.v1alpha.peloton_pb2 import JobID

MEASURE = Measure(name="GetJob, 200 in flight, to an echo of the same reply", at_least=0.8, goal=0.95)
METHOD = jobs.SERVICE + "GetJob"
IN_FLIGHT = 200


async def _prepared(address: str) -> tuple[bytes, bytes]:
    """Have a job run; return the request for it and the answer."""
    wanted = jobs.create(jobs.new_id())
    job = wanted.job_id.value
    async with jobs.connect(address) as channel:
        client = jobs.Jobs(channel)
        await client.create(wanted)
        await jobs.until(lambda: client.status(job), have(1, JobState.JOB_STATE_RUNNING), within_s=WITHIN_S)
        request = svc.GetJobRequest(job_id=JobID(value=job)).SerializeToString()
        reply = await jobs.unary(channel, METHOD)(request)
    assert svc.GetJobResponse.FromString(reply).job_info.job_id.value == job
    return request, reply


def measure(scale: Scale = FULL) -> Result:
    """Measure calls per second on either side."""
    with servers.polyplane(servers.ROOMY) as ours:
        request, reply = asyncio.run(_prepared(ours))
        calls: list[jobs.Call] = [(request, "")] * scale.calls
        with servers.echo(reply) as peer:
            return side_by_side(
                MEASURE,
                lambda: asyncio.run(jobs.rate(ours, METHOD, calls, in_flight=IN_FLIGHT)),
                lambda: asyncio.run(jobs.rate(peer, METHOD, calls, in_flight=IN_FLIGHT)),
                rounds=scale.rounds,
            )
