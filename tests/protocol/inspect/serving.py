"""A whole plane that keeps nothing, with one simulated host, behind a real wire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc

from actors.job.commands import CreateJob, DeleteJob, JobAccepted, StopJob
from events.attachment import Attachment
from events.job import JobPhase, JobSpec
from events.pod import ContainerSpec, PodSpec
from projections.tail.selector import EventSelector
from protocol import inspect
from protocol.gateway import Call
from protocol.pb.polyplane.inspect.v1.inspect_pb2_grpc import InspectStub
from protocol.plane import Plane
from protocol.settings import HostSettings, LimitSettings, Settings
from protocol.transport.server import Server
from protocol.unimplemented import mount

SECRET = b"a secret that only its facade may see"
JOB = "0190aaaa-bbbb-7ccc-8ddd-eeeeffff0001"
CALL = Call(principal="ada", origin="tests", request_id="r-1")


def spec(instances: int = 2) -> JobSpec:
    pod = PodSpec(containers=(ContainerSpec(name="main", command=("sleep", "1")),), labels=(("app", "web"),))
    return JobSpec(
        name="web",
        instance_count=instances,
        default=pod,
        labels=(("tier", "1"),),
        attachments=(Attachment("tests.secret", 3, SECRET),),
    )


@dataclass(frozen=True)
class Wire:
    """A plane, and a client of it."""

    plane: Plane
    stub: InspectStub
    address: str
    jobs: dict[str, str] = field(default_factory=dict)
    """The last known version of each job."""

    async def create(self, job: str = JOB, instances: int = 2, key: str = "") -> None:
        """Make a job, and wait until it runs."""
        call = Call(principal="ada", origin="tests", request_id="r-1", key=key, fingerprint=key)
        await self._ask(job, CreateJob(job=job, spec=spec(instances)), call)
        await self.reach(job, JobPhase.RUNNING)

    async def stop(self, job: str = JOB) -> None:
        """Stop a job, and wait until it has stopped."""
        await self._ask(job, StopJob(expected_version=self.jobs[job]))
        await self.reach(job, JobPhase.KILLED)

    async def delete(self, job: str = JOB) -> None:
        """Delete a stopped job, and wait until it is gone."""
        await self._ask(job, DeleteJob(expected_version=self.jobs[job]))
        await self.reach(job, JobPhase.DELETED)

    async def _ask(self, job: str, command: object, call: Call = CALL) -> None:
        answer = await self.plane.gateway.execute(f"job/{job}", command, call, JobAccepted)
        self.jobs[job] = answer.version

    async def reach(self, job: str, phase: JobPhase) -> None:
        """Wait until a job is in a phase."""
        tail = self.plane.gateway.follow(EventSelector(streams=frozenset({f"job/{job}"})), 1)
        try:
            async with asyncio.timeout(20):
                while True:
                    await tail.next()
                    view = await self.plane.gateway.job(job)
                    if (JobPhase.DELETED if view is None else view.phase) is phase:
                        return
        finally:
            tail.close()


@asynccontextmanager
async def serving(data: str = ":memory:") -> AsyncIterator[Wire]:
    """Serve on a free port."""
    host = HostSettings(name="sim", cpu=64, memory_mb=65536, disk_mb=65536, engine="simulated")
    plane = Plane.open(Settings(data=data, hosts=(host,), limits=LimitSettings(watchers=3)))
    await plane.start()
    server = Server()
    port = server.add_insecure_port("127.0.0.1:0")
    mount(server, inspect.servicers(plane.gateway))
    await server.start()
    address = f"127.0.0.1:{port}"
    async with grpc.aio.insecure_channel(address) as channel:
        yield Wire(plane, InspectStub(channel), address)
    await plane.drain()
    await server.stop(None)
    await plane.close()
