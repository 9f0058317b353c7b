"""A hundred appends a second of ten events each, told to a hundred watchers of pods.

1. An append is CreateJob without a key, of seven pods: three events of the job, one of each pod. Calls are
   made on the second's hundredth whether or not the one before was answered. No host has room, so a second
   later the server tells each pod why it waits; the watchers are told of that too, and it counts.
2. Watchers are a process of their own and take bytes; the submitter is this process. Both are on the
   cores that the server does not use.
3. Share: changes of pods that watchers were told, to those that the journal has, times watchers. The worst
   round counts.
4. Delay: from the call to the reply, and from the call to the message that has the job's pods first, for
   every watcher and call; both by one clock. The ratio is that of their 99th percentiles.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench import jobs, raw, servers
from bench.ratio import Measure, Result, of_rounds, tell
from bench.scale import FULL, Scale

SHARE = Measure(name="share of events that 100 watchers get, 100 appends/s of 10", at_least=1.0, goal=1.0)
DELAY = Measure(
    name="p99 delay at the watcher, to that of the reply", at_least=20, goal=5, lower_is_better=True
)
PODS = 7
A_SECOND = 100
LATE_S = 20
"""How long after the last append a watcher may hear of it."""
WARM_UP_S = 0.5


@dataclass(frozen=True, slots=True)
class Told:
    """What a round has come to."""

    share: float
    reply_s: float
    """99th percentile of the delay of replies."""
    watcher_s: float

    @property
    def ratio(self) -> float:
        """How much later watchers are told."""
        return self.watcher_s / self.reply_s


async def submit(address: str, seconds: float) -> dict[str, tuple[float, float]]:
    """Make jobs; return when each was asked for and answered."""
    requests = [jobs.create(jobs.new_id(), pods=PODS) for _ in range(round(seconds * A_SECOND))]
    times: dict[str, tuple[float, float]] = {}
    async with jobs.connect(address) as channel:
        call = jobs.unary(channel, jobs.SERVICE + "CreateJob")
        await channel.channel_ready()

        async def ask(job: str, body: bytes) -> None:
            asked = time.monotonic()
            await call(body)
            times[job] = (asked, time.monotonic())

        begin = time.monotonic()
        async with asyncio.TaskGroup() as asking:
            for number, request in enumerate(requests):
                await asyncio.sleep(begin + number / A_SECOND - time.monotonic())
                asking.create_task(ask(request.job_id.value, request.SerializeToString()))
    return times


def one_round(server: servers.Server, watchers: int, seconds: float) -> Told:
    """Watch, submit, and compare."""
    with raw.journal(server.journal) as journal, servers.watchers(server.address, watchers) as watching:
        before = raw.head(journal)
        times = asyncio.run(submit(server.address, seconds))
        expected = len(times) * PODS * 2  # created, and told why it waits
        end = time.monotonic() + LATE_S
        while (events := raw.count_of(journal, "pod", before)) < expected and time.monotonic() < end:
            time.sleep(0.1)
        if events != expected:
            raise RuntimeError(f"the journal has {events} events of pods, not {expected}")
        told = json.loads(watching.end(f"{raw.head_of(journal, 'pod')} {LATE_S}"))
    heard: list[list[tuple[int, float]]] = told["heard"]
    pods: list[list[str]] = told["messages"]
    changes = sum(len(pods[number]) for each in heard for number, _ in each)
    delays = [
        at - times[job][0] for each in heard for job, at in _first_heard(each, pods).items() if job in times
    ]
    replies = [answered - asked for asked, answered in times.values()]
    return Told(changes / (events * watchers), _p99(replies), _p99(delays))


def _first_heard(each: Sequence[tuple[int, float]], pods: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return when a watcher first heard of pods of each job."""
    first: dict[str, float] = {}
    for number, at in each:
        for pod in pods[number]:
            first.setdefault(pod.rpartition("-")[0], at)
    return first


def _p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def measure(scale: Scale = FULL) -> list[Result]:
    """Measure some rounds after a short one that does not count."""
    rounds: list[Told] = []
    with servers.serving(servers.NO_ROOM) as server:
        one_round(server, scale.watchers, WARM_UP_S)
        for turn in range(3):
            rounds.append(one_round(server, scale.watchers, scale.watch_s))
            it = rounds[-1]
            tell(
                DELAY,
                turn,
                f"{1000 * it.watcher_s:.1f} ms / {1000 * it.reply_s:.1f} ms = {it.ratio:.2f}, "
                f"share {it.share:.6f}",
            )
    shares = [it.share for it in rounds]
    return [
        Result(SHARE, min(shares), min(shares), max(shares)),
        of_rounds(DELAY, [it.ratio for it in rounds]),
    ]
