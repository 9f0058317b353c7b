"""Jobs and their pods with a tiny kernel, a placer with endless room and a perfect engine.

1. Commands between entities wait in one queue for each pair of sender and receiver, in order;
   which queue moves next is for the test to say.
2. A run that is stopped ends; a run that was stopped or launched before is not launched again.
"""

from collections import deque

from actors import job, pod
from actors.job.state import STEADY as JOB_STEADY
from actors.job.state import JobState
from actors.kernel.decider import ArmTimer, Decision, Outcome, Send
from actors.pod.commands import (
    BeginNextRun,
    LaunchRun,
    PlacePod,
    RecordContainerExited,
    RecordContainerStarted,
    RecordLaunched,
    RecordRunEnded,
    RequestPlacement,
    StopRun,
)
from actors.pod.state import STEADY as POD_STEADY
from actors.pod.state import PodState
from events.record import entity_of
from tests.actors.subject import Subject

AnySubject = Subject[JobState] | Subject[PodState]


class World:
    """Everything that there is, and what is on its way."""

    def __init__(self) -> None:
        self.entities: dict[str, AnySubject] = {}
        self.queues: dict[tuple[str, str], deque[object]] = {}
        self.taken: set[tuple[str, int]] = set()
        self.crashes = 0

    def subject(self, stream: str) -> AnySubject:
        if stream not in self.entities:
            self.entities[stream] = (
                Subject(job.ENTITY, stream, lambda state: state.phase, job.TRANSITIONS, JOB_STEADY)
                if entity_of(stream) == "job"
                else Subject(pod.ENTITY, stream, lambda state: state.phase, pod.TRANSITIONS, POD_STEADY)
            )
        return self.entities[stream]

    def ask(self, stream: str, command: object) -> Outcome:
        outcome = self.subject(stream).ask(command)
        if isinstance(outcome, Decision):
            for opening in outcome.opens:
                child = self.subject(opening.stream)
                assert len(child.events) == opening.after
                child.apply(opening.events)
                self.perform(opening.stream)
        self.perform(stream)
        return outcome

    def perform(self, stream: str) -> None:
        """Carry out the effects that an entity has asked for."""
        subject = self.subject(stream)
        effects, subject.effects = subject.effects, []
        for effect in effects:
            match effect:
                case Send():
                    self.send(stream, effect.to, effect.command)
                case ArmTimer():
                    self.send(f"timer {effect.key}", stream, effect.command)
                case RequestPlacement():
                    self.send("placer", stream, PlacePod(run=effect.run, host="h"))
                case LaunchRun() if (stream, effect.run) not in self.taken:
                    self.taken.add((stream, effect.run))
                    self.send("engine", stream, RecordLaunched(run=effect.run))
                    for each in effect.spec.containers:
                        started = RecordContainerStarted(run=effect.run, container=each.name, process=1, at=1)
                        self.send("engine", stream, started)
                case StopRun():
                    self.taken.add((stream, effect.run))
                    self.send("engine", stream, RecordRunEnded(run=effect.run))
                case _:
                    pass

    def crash(self, stream: str, code: int) -> None:
        """Let the processes of a pod end by themselves."""
        state = self.subject(stream).state
        if isinstance(state, PodState):
            for each in state.spec.containers:
                exited = RecordContainerExited(run=state.run, container=each.name, exit_code=code, at=2)
                self.send("engine", stream, exited)
            self.send("engine", stream, RecordRunEnded(run=state.run))

    def send(self, sender: str, to: str, command: object) -> None:
        self.queues.setdefault((sender, to), deque()).append(command)

    def step(self, choice: int = 0) -> bool:
        """Deliver the next command of one queue; False when nothing is on its way."""
        waiting = [key for key, queue in self.queues.items() if queue]
        if not waiting:
            return False
        key = waiting[choice % len(waiting)]
        command = self.queues[key].popleft()
        self.ask(key[1], command)
        return True

    def drain(self, *, bound: int = 100_000) -> None:
        """Deliver until nothing is on its way. Timers count as due at once."""
        for _ in range(bound):
            if not self.step():
                return
        raise AssertionError("the world does not come to rest")

    def job(self, stream: str = "job/1") -> JobState:
        state = self.subject(stream).state
        assert isinstance(state, JobState)
        return state

    def pods(self) -> list[PodState]:
        return [each.state for each in self.entities.values() if isinstance(each.state, PodState)]


__all__ = ["BeginNextRun", "World"]
