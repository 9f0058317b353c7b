"""The part of a gateway that tells of the past, for fakes of façades that do not ask for it."""

from collections.abc import Sequence

from events.record import Recorded
from projections.tail.selector import EventSelector
from projections.tail.subscription import EventSubscription
from protocol.gateway import Horizon
from protocol.past import Standing


class NoPast:
    """Knows nothing of the past, and expects nobody to ask."""

    async def at(self, stream: str, revision: int | None = None) -> Standing | None:
        raise NotImplementedError(stream, revision)

    async def events(self, stream: str, *, before: int | None, limit: int) -> Sequence[Recorded]:
        raise NotImplementedError(stream, before, limit)

    async def revision_at(self, time: int) -> int:
        raise NotImplementedError(time)

    def follow(self, selector: EventSelector, start: int) -> EventSubscription:
        raise NotImplementedError(selector, start)

    async def horizon(self) -> Horizon:
        raise NotImplementedError

    def topic_of(self, event: object) -> str:
        raise NotImplementedError(event)
