"""Everything about tasks that the plane holds: who hands them out, who waits for them, and their door.

1. What a ground makes is its task engine; everything else is the same everywhere.
"""

from collections.abc import Awaitable, Callable

from actors.effects.dispatch import Dispatch, Report, TaskEngine
from actors.effects.dispatch.engine import Opener
from actors.effects.dispatch.orders import Orders, ReadPage
from actors.kernel.kernel import Kernel
from projections.endings import Endings
from projections.hot import HotViews
from protocol.ground import Ground
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
    ) -> None:
        self.endings = Endings()
        openers: dict[str, Opener] = {}
        self.engine: TaskEngine = ground.task_engine(self._reported, openers)
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

    def _reported(self, report: Report) -> None:
        self.dispatch.report(report)
