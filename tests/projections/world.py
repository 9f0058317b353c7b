"""A world of jobs, pods and hosts that happens at random, in a real journal in memory.

1. Every event follows what its stream holds, as deciders would have it; nothing is decided here.
2. All chance comes from one `Random`, which hypothesis gives and shrinks.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from events import host, job, pod, receipt
from events.capacity import Resources
from events.codec import UPCASTERS, Codec
from events.frozen import replace
from events.goal import Goal
from events.job import JobPhase, WorkflowKind, WorkflowPhase
from events.journal import Append, Committer, Entry, Journal
from events.pod import EndReason, PodPhase
from events.record import Envelope, Recorded
from projections.tables import views_codec

TABLES = (job.TOPICS, pod.TOPICS, host.TOPICS, receipt.TOPICS)

NAMES = ("web", "Web", "batch", "böse")
LABELS = (("app", "web"), ("app", "db"), ("tier", "1"))
CODEC = Codec(TABLES, upcasters=UPCASTERS, interned=(pod.PodSpec,))
VIEWS = views_codec()
START = 1_700_000_000_000_000


@dataclass(slots=True)
class Pod:
    """What is remembered of a pod, to know what may follow."""

    owner: str
    instance: int
    spec: pod.PodSpec
    run: int = 1
    step: int = 0
    goal: Goal = Goal.RUNNING
    phase: PodPhase = PodPhase.INITIALIZED
    exists: bool = True


def chance(seed: int) -> Random:
    """Return what is by chance, the same for the same seed."""
    return Random(seed)  # noqa: S311 - nothing secret


@dataclass(slots=True)
class World:
    """Happens, and keeps the journal of it."""

    random: Random
    journal: Journal = field(default_factory=lambda: Journal.in_memory(CODEC))
    versions: dict[str, int] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    jobs: dict[str, job.JobSpec] = field(default_factory=dict)
    made: int = 0
    """How many jobs there ever were."""
    now: int = START
    committer: Committer = field(init=False)

    def __post_init__(self) -> None:
        self.committer = Committer(self.journal)

    def append(self, *events: tuple[str, object], principal: str = "ada") -> list[Recorded]:
        """Store events as one append."""
        self.now += self.random.randrange(1, 3) * 500_000
        entries = []
        for stream, event in events:
            version = self.versions[stream] = self.versions.get(stream, 0) + 1
            entries.append(Entry(stream, version, event))
        envelope = Envelope(at=self.now, principal=principal)
        self.committer.submit(Append(entries, envelope, self.committer.epoch))
        (outcome,) = self.committer.commit()
        assert outcome.records is not None
        return list(outcome.records)

    def happen(self) -> list[Recorded]:
        """Let one thing happen."""
        action = self.random.randrange(10)
        if action == 0 or not self.jobs:
            return self.create_job()
        if action == 1:
            return self.append(
                (f"receipt/{self.now}", receipt.ReceiptRecorded(fingerprint="f", topic="", result=b""))
            )
        if action in (2, 4, 5):
            return self.change_job()
        if action == 3:
            return self.register_host()
        if not self.pods:
            return self.create_job()
        return self.advance(self.random.choice(list(self.pods)))

    def pod_spec(self) -> pod.PodSpec:
        return pod.PodSpec(
            containers=(
                pod.ContainerSpec(name="main", command=("run", self.random.choice(("Alpha", "beta")))),
                pod.ContainerSpec(name="side", command=("side",)),
            ),
            init_containers=(pod.ContainerSpec(name="init", command=("true",)),),
            labels=tuple(sorted(self.random.sample(LABELS, self.random.randrange(3)))),
        )

    def create_job(self) -> list[Recorded]:
        count = self.random.choice((0, 1, 2, 3, 12))
        spec = self.pod_spec()
        made = job.JobSpec(
            name=self.random.choice(NAMES),
            instance_count=count,
            default=spec,
            owner=self.random.choice(("ada", "bob")),
            labels=tuple(sorted(self.random.sample(LABELS, self.random.randrange(3)))),
            pool=self.random.choice(("default", "spare")),
        )
        name = f"job{self.made:03}"
        self.made += 1
        stream = f"job/{name}"
        self.jobs[stream] = made
        started = job.WorkflowStarted(
            kind=WorkflowKind.UPDATE,
            config=1,
            previous_config=0,
            options=job.WorkflowOptions(),
            added=((0, count - 1),) if count else (),
        )
        events: list[tuple[str, object]] = [(stream, job.JobCreated(spec=made)), (stream, started)]
        if count:
            events.append((stream, job.WorkflowAdvanced(instances=(0, count - 1))))
        for instance in range(count):
            child = f"pod/{name}-{instance}"
            self.pods[child] = Pod(owner=stream, instance=instance, spec=spec)
            events.append((child, self._pod_created(child)))
        return self.append(*events)

    def _pod_created(self, stream: str) -> pod.PodCreated:
        it = self.pods[stream]
        return pod.PodCreated(
            owner=it.owner,
            instance=it.instance,
            config=1,
            spec=it.spec,
            run=it.run,
            name=self.jobs[it.owner].name,
        )

    def change_job(self) -> list[Recorded]:
        stream = self.random.choice(list(self.jobs))
        spec = self.jobs[stream]
        pods = [name for name, it in self.pods.items() if it.owner == stream]
        match self.random.randrange(9):
            case 0:
                return self.append((stream, receipt.CommandReceived()))
            case 1:
                return self.append(
                    (stream, job.JobGoalChanged(goal=self.random.choice((Goal.RUNNING, Goal.KILLED))))
                )
            case 2 | 7 | 8:
                phases = (JobPhase.RUNNING, JobPhase.KILLED, JobPhase.FAILED, JobPhase.KILLING)
                return self.append((stream, job.JobPhaseChanged(phase=self.random.choice(phases))))
            case 3 if spec.instance_count:
                ended = job.WorkflowInstanceEnded(
                    instance=self.random.randrange(spec.instance_count), has_failed=self.random.random() < 0.5
                )
                phase = self.random.choice((WorkflowPhase.PAUSED, WorkflowPhase.SUCCEEDED))
                return self.append((stream, ended), (stream, job.WorkflowPhaseChanged(phase=phase)))
            case 4:
                return self.append(*((stream, each) for each in self._changes(stream)))
            case 5 if self.random.random() < 0.5:
                del self.jobs[stream]
                left = [(name, self.pods.pop(name)) for name in pods]
                gone = [(name, pod.PodDeleted(run=it.run)) for name, it in left if it.exists]
                return self.append(*gone, (stream, job.JobDeleted()))
            case _ if pods:
                it = self.pods[self.random.choice(pods)]
                report = job.JobPodReported(
                    instance=it.instance, run=it.run, phase=it.phase, goal=it.goal, config=1, failure_count=0
                )
                return self.append((stream, report))
            case _:
                return self.append((stream, job.JobPodStartRequested(instance=0)))

    def _changes(self, stream: str) -> Iterator[job.WorkflowStarted | job.WorkflowTurnedBack]:
        """Yield what gives a job other names, one after another, or leaves it as it is."""
        before = self.jobs[stream]
        names = self.random.sample(NAMES, self.random.randrange(3))
        for name in names or [""]:
            spec = replace(before, name=name) if name else None
            yield job.WorkflowStarted(
                kind=self.random.choice(list(WorkflowKind)),
                config=2,
                previous_config=1,
                options=job.WorkflowOptions(start_paused=self.random.random() < 0.5),
                spec=spec,
            )
            self.jobs[stream] = before if spec is None else spec
        if names and self.random.random() < 0.5:
            self.jobs[stream] = before
            yield job.WorkflowTurnedBack(config=3, spec=before)

    def register_host(self) -> list[Recorded]:
        name = f"host-{self.random.randrange(3)}"
        stream = f"host/{name}"
        if stream not in self.versions:
            spec = host.HostSpec(capacity=Resources(cpu=4.0), ports=(31000, 31999))
            return self.append((stream, host.HostRegistered(name=name, spec=spec)), principal="system")
        phase = self.random.choice(list(host.HostPhase))
        return self.append((stream, host.HostPhaseChanged(phase=phase, goal=phase, reason="chance")))

    def advance(self, stream: str) -> list[Recorded]:
        """Let the next thing happen to a pod: a run is nine steps, then there is another run."""
        it = self.pods[stream]
        if not it.exists and self.random.random() < 0.3:
            return self.append((stream, pod.PodRunForgotten(run=it.run)))
        if not it.exists:
            it.exists, it.run, it.step, it.phase = True, it.run + 1, 0, PodPhase.INITIALIZED
            return self.append((stream, self._pod_created(stream)))
        if self.random.random() < 0.1:
            it.exists, it.phase = False, PodPhase.DELETED
            return self.append((stream, pod.PodDeleted(run=it.run)))
        if self.random.random() < 0.1:
            it.goal = self.random.choice((Goal.RUNNING, Goal.KILLED))
            return self.append((stream, pod.PodGoalChanged(goal=it.goal, desired_run=it.run)))
        run, at, step = it.run, self.now, it.step
        it.step += 1
        match step:
            case 0:
                it.phase = PodPhase.PENDING
                return self.append((stream, pod.PodQueued(run=run, reason="no host has 4 cpu")))
            case 1:
                it.phase = PodPhase.LAUNCHING
                ports = (pod.Port(container="main", name="http", number=31001),)
                placed = pod.PodPlaced(run=run, host=self.random.choice(("host-0", "host-1")), ports=ports)
                return self.append((stream, placed), (stream, pod.PodLaunching(run=run)))
            case 2:
                it.phase = PodPhase.LAUNCHED
                return self.append((stream, pod.PodLaunched(run=run)))
            case 3 | 4:
                it.phase = PodPhase.STARTING
                name = "main" if step == 3 else "side"
                started = pod.PodContainerStarted(run=run, container=name, process=7, at=at)
                return self.append((stream, started))
            case 5:
                it.phase = PodPhase.RUNNING
                spec = self.pod_spec()
                changed = pod.PodReconfigured(config=2, spec=spec, is_applied=self.random.random() < 0.5)
                return self.append((stream, pod.PodRunning(run=run)), (stream, changed))
            case 6:
                it.phase = PodPhase.KILLING
                return self.append((stream, pod.PodStopRequested(run=run, reason=EndReason.ON_REQUEST)))
            case 7:
                exited = pod.PodContainerExited(run=run, container="main", exit_code=1, at=at)
                return self.append((stream, exited))
            case 8:
                it.phase = self.random.choice((PodPhase.FAILED, PodPhase.KILLED, PodPhase.SUCCEEDED))
                due = self.random.choice((0, self.now + 30_000_000))
                ended = pod.PodEnded(
                    run=run,
                    phase=it.phase,
                    reason=EndReason.FAILED,
                    message="exit code 1",
                    failure_count=1,
                    restart_at=due,
                )
                return self.append((stream, ended))
            case _:
                it.run, it.step, it.phase = run + 1, 0, PodPhase.INITIALIZED
                begun = pod.PodRunStarted(run=it.run, config=2, spec=it.spec, failure_count=1)
                return self.append((stream, begun))
