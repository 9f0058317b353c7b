"""A joint decision: several entities, one command each, one atomic append.

1. It is taken in one step, in the order of streams, once all the entities are in memory: at once if they
   are, and have no mail, and no joint decision that was asked for earlier waits.
2. What each decides is its own answer; the revision is that of the whole.
3. With `all_or_none` one rejection leaves all undone and is the answer of all but those that have
   one of their own; else the rejected are left out.
4. An entity that is out of service rejects; the others go on without it, unless it is all or none.
5. Nothing is answered before all that it rests on is committed, rejections and no-ops included.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter

import structlog

from actors.kernel.decider import Context, Decision, Rejection
from actors.kernel.entity import EntityActor, Part, Shell
from actors.kernel.mailbox import LoopFuture
from actors.kernel.request import Accepted, Answer, Request

_stream_of = attrgetter("stream")


class Joint:
    """One joint decision, and its answers."""

    def __init__(
        self,
        *,
        commands: Sequence[tuple[str, object]],
        request: Request,
        all_or_none: bool,
        wake: Callable[[str], EntityActor],
        refusal: Callable[[str], Rejection | None],
        shell: Shell,
    ) -> None:
        self._commands = commands
        self._request = request
        self._all_or_none = all_or_none
        self._wake = wake
        self._refusal = refusal
        self._shell = shell
        self.answered: LoopFuture[tuple[Answer, ...]] = LoopFuture()

    @property
    def is_possible(self) -> bool:
        """True when all the entities are in memory, or out of service."""
        actors = [self._wake(stream) for stream, _ in self._commands]
        return all(actor.is_loaded or self._refusal(actor.stream) is not None for actor in actors)

    def decide_if_next(self) -> bool:
        """Decide, and return whether that is done: not if an entity has anything to do before."""
        actors = [self._wake(stream) for stream, _ in self._commands]
        if not all(actor.is_loaded and actor.mailbox.empty() for actor in actors):
            return False
        self._decide(actors)
        return True

    def decide(self) -> None:
        """Decide; it has to be possible."""
        self._decide([self._wake(stream) for stream, _ in self._commands])

    def _decide(self, actors: Sequence[EntityActor]) -> None:
        context = self._shell.context(self._request)
        try:
            outcomes = self._outcomes(actors, context)
        except Exception as error:  # noqa: BLE001 - a bug of a decider's, handed on
            structlog.get_logger().exception("decider_raised", streams=[actor.stream for actor in actors])
            self.answered.fail(error)
        else:
            self._settle(actors, outcomes, context.now)
        for actor in actors:
            if actor.is_idle:
                self._shell.came_to_rest(actor)

    def _outcomes(self, actors: Sequence[EntityActor], context: Context) -> list[Decision | Rejection]:
        outcomes: dict[str, Decision | Rejection] = {}
        commands = dict(self._commands)
        for actor in sorted(actors, key=_stream_of):
            stream = actor.stream
            refusal = None if actor.is_loaded else self._refusal(stream)
            outcomes[stream] = refusal or actor.entity.decide(actor.state, commands[stream], context)
        return [outcomes[stream] for stream, _ in self._commands]

    def _settle(
        self, actors: Sequence[EntityActor], outcomes: Sequence[Decision | Rejection], at: int
    ) -> None:
        refused: Rejection | None = None
        changing: list[Part] = []
        for actor, outcome in zip(actors, outcomes, strict=True):
            if isinstance(outcome, Rejection):
                refused = refused or outcome
            elif outcome.events or outcome.opens:
                changing.append(Part(actor, outcome))
        if refused is not None and self._all_or_none:
            own = [outcome if isinstance(outcome, Rejection) else refused for outcome in outcomes]
            self._answer_when_committed(actors, own)
            return
        if not changing and self._request.keyed is not None and actors:
            changing = [Part(actors[0], Decision())]  # its receipt says that nothing was to be done
        if not changing:
            self._answer_when_committed(actors, _answers(outcomes, 0))
            return
        # What does not change rests on appends that were made earlier, and those are stored earlier.
        reply: LoopFuture[Answer] = LoopFuture()
        reply.then(lambda done: self._concluded(outcomes, done))
        self._shell.propose(changing, self._request, reply, at)

    def _concluded(self, outcomes: Sequence[Decision | Rejection], reply: LoopFuture[Answer]) -> None:
        try:
            answer = reply.get()
        except Exception as error:  # noqa: BLE001 - handed on
            self.answered.fail(error)
            return
        if isinstance(answer, Rejection):
            self.answered.set((answer,) * len(outcomes))
        else:
            self.answered.set(tuple(_answers(outcomes, answer.revision)))

    def _answer_when_committed(self, actors: Sequence[EntityActor], answers: Sequence[Answer]) -> None:
        if not actors:
            self.answered.set(())
            return
        waiting = len(actors)
        lost: Rejection | None = None

        def committed(done: LoopFuture[Answer]) -> None:
            nonlocal waiting, lost
            answer = done.get()
            waiting -= 1
            lost = answer if isinstance(answer, Rejection) else lost
            if not waiting:
                self.answered.set(tuple(answers) if lost is None else (lost,) * len(answers))

        for actor in actors:
            reply: LoopFuture[Answer] = LoopFuture()
            reply.then(committed)
            actor.release(reply, Accepted(None, 0))


def _answers(outcomes: Sequence[Decision | Rejection], revision: int) -> list[Answer]:
    return [
        outcome
        if isinstance(outcome, Rejection)
        else Accepted(outcome.result, revision if outcome.events or outcome.opens else 0)
        for outcome in outcomes
    ]
