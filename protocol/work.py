"""Everything about tasks that the plane holds: who hands them out, who waits for them, and their door.

1. What a ground makes is its task engine; everything else is the same everywhere.
2. Processes that are kept warm take tasks, too; what the catalog holds may say which.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from actors.effects.dispatch import Dispatch, Report, TaskEngine
from actors.effects.dispatch.engine import Opener
from actors.effects.dispatch.ledger import HEEDED as LEDGER_HEEDS
from actors.effects.dispatch.orders import Orders, ReadPage
from actors.effects.slots import SlotRules, Slots
from actors.effects.slots.house import Placing
from actors.kernel.decider import Rejection
from actors.kernel.kernel import Kernel
from events.record import Recorded
from events.worker import WorkerSpec
from projections.catalog import HEEDED as CATALOG_HEEDS
from projections.catalog import CatalogViews
from projections.endings import Endings
from projections.hot import Advance, HotViews
from protocol.ground import Ground
from protocol.settings import FnSettings
from protocol.task_gateway import KernelTaskGateway


class Work:
    """Tasks and workers, put together."""

    def __init__(
        self,
        *,
        kernel: Kernel,
        hot: HotViews,
        ground: Ground,
        read_page: ReadPage,
        spawn: Callable[[Awaitable[None]], object],
        is_open: Callable[[], bool],
        placing: Placing,
        new_id: Callable[[], str],
        settings: FnSettings,
        path: Path,
    ) -> None:
        self.catalog = CatalogViews()
        self.endings = Endings()
        openers: dict[str, Opener] = {}
        self.engine: TaskEngine = ground.task_engine(self._reported, openers, path)
        self.dispatch = Dispatch(
            kernel=kernel,
            engine=self.engine,
            orders=Orders(read_page),
            clock=ground.clock,
            later=ground.later,
            spawn=spawn,
        )
        self.gateway = KernelTaskGateway(
            kernel=kernel,
            hot=hot,
            endings=self.endings,
            read_stream=read_page,
            openers=openers,
            is_open=is_open,
        )

        self.slots = Slots(
            kernel=kernel,
            placing=placing,
            clock=ground.clock,
            later=ground.later,
            spawn=spawn,
            new_id=new_id,
            places=ground.socket_places(path),
            rules=SlotRules(
                is_patient=settings.blocking,
                evicts=settings.idle_eviction,
                header_limit=settings.header_kb * 1024,
                freeze_s=settings.freeze_after_ms / 1000,
            ),
        )

    def metrics(self) -> Mapping[str, float]:
        """Gauges by name."""
        return {
            "tasks_queued": self.dispatch.waiting,
            "tasks_awaited": len(self.endings),
            "slots": self.slots.count,
        }

    def recalls(self) -> Mapping[type, Callable[[Recorded], None]]:
        """Return who is shown which events of the past, at start."""
        of_catalog = dict.fromkeys(CATALOG_HEEDS, lambda record: self.catalog.apply((record,)))
        return of_catalog | dict.fromkeys(LEDGER_HEEDS, self.dispatch.recall)

    async def start(self, declared: Mapping[str, WorkerSpec], ended_at: int) -> Rejection | None:
        """Take up what was left at a moment, and begin; return why what is declared was refused."""
        refused = await self.dispatch.start(declared, ended_at)
        self.slots.start()
        return refused

    def show(self, records: Sequence[Recorded], advances: Sequence[Advance]) -> None:
        """Take in what was committed."""
        self.catalog.apply(records)
        self.endings.publish(advances)

    async def close(self) -> None:
        """Let go of everything."""
        await self.dispatch.close()
        self.slots.close()

    def _reported(self, report: Report) -> None:
        self.dispatch.report(report)
