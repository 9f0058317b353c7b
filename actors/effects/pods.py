"""Carries out what pods want of their hosts' engines, and tells pods what engines report.

1. Engines speak of runs, entities of events: this module only carries words between them.
2. Reports of one run reach its pod in the order in which the engine made them.
3. A report that could not be stored is told again after a pause, and what is reported of its run meanwhile
   waits behind it: an end that came before its exits would be another end. Pods tolerate repeats and gaps.
4. A report of a pod that was deleted meanwhile is left out without a word: its engine was told to forget.
   That may have been lost with an earlier server, so an engine that asks is told again.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import assert_never

import structlog

from actors.effects.engines.engine import (
    ContainerExited,
    ContainerStarted,
    Engine,
    PodKept,
    Report,
    RunEnded,
    RunKey,
    RunLaunched,
    RunOrder,
)
from actors.kernel.decider import Code, Rejection
from actors.kernel.kernel import Kernel
from actors.kernel.mailbox import LoopFuture
from actors.kernel.post import TRANSIENT
from actors.kernel.request import Answer
from actors.pod.commands import (
    ForgetPod,
    ForgetRun,
    LaunchRun,
    ObserveRun,
    PodCommand,
    RecordContainerExited,
    RecordContainerStarted,
    RecordLaunched,
    RecordRunEnded,
    StopRun,
)
from events.record import id_of

PAUSE_S = 1.0

Later = Callable[[float, Callable[[], None]], object]


class PodWorld:
    """The engines of all hosts, as pods see them."""

    def __init__(
        self,
        *,
        kernel: Kernel,
        engines: Mapping[str, Engine],
        later: Later,
        environment: Callable[[str], tuple[tuple[str, str], ...]] = lambda _: (),
    ) -> None:
        self._kernel = kernel
        self._environment = environment
        self._engines = engines
        self._later = later
        self._orders: dict[RunKey, RunOrder] = {}
        """Runs whose end is not on disk, to be asked about again."""
        self._late: dict[RunKey, deque[Report]] = {}
        """Reports that wait to be told again, and those that wait behind them."""
        kernel.perform_with(LaunchRun, self._launch)
        kernel.perform_with(ObserveRun, self._observe)
        kernel.perform_with(StopRun, self._stop)
        kernel.perform_with(ForgetRun, self._forget)
        kernel.perform_with(ForgetPod, self._forget_pod)

    # ------------------------------------------------------------ from pods

    def _launch(self, stream: str, effect: LaunchRun) -> None:
        order = self._order(stream, effect)
        if (engine := self._engine(effect.host, order)) is not None:
            engine.launch(order)

    def _observe(self, stream: str, effect: ObserveRun) -> None:
        order = self._order(stream, effect)
        if (engine := self._engine(effect.host, order)) is not None:
            engine.observe((order,))

    def _stop(self, stream: str, effect: StopRun) -> None:
        key = RunKey(pod=id_of(stream), run=effect.run)
        if (engine := self._engines.get(effect.host)) is not None:
            engine.stop(key, grace_s=effect.grace_s)
        else:
            self._lose(key, effect.host)

    def _forget(self, stream: str, effect: ForgetRun) -> None:
        key = RunKey(pod=id_of(stream), run=effect.run)
        self._orders.pop(key, None)
        if (engine := self._engines.get(effect.host)) is not None:
            engine.forget(key)

    def _forget_pod(self, stream: str, effect: ForgetPod) -> None:
        if (engine := self._engines.get(effect.host)) is not None:
            engine.forget_pod(id_of(stream))

    def _order(self, stream: str, effect: LaunchRun | ObserveRun) -> RunOrder:
        order = RunOrder(
            pod=id_of(stream),
            run=effect.run,
            spec=effect.spec,
            ports=effect.ports,
            host=effect.host,
            environment=self._environment(id_of(stream)),
        )
        self._orders[RunKey(pod=order.pod, run=order.run)] = order
        return order

    def _engine(self, host: str, order: RunOrder) -> Engine | None:
        engine = self._engines.get(host)
        if engine is None:
            self._lose(RunKey(pod=order.pod, run=order.run), host)
        return engine

    def _lose(self, key: RunKey, host: str) -> None:
        self._later(
            0,
            lambda: self.report(
                RunEnded(key=key, is_lost=True, message=f"host {host} is not declared any more")
            ),
        )

    # ------------------------------------------------------------ from engines

    def report(self, report: Report) -> None:
        """Tell a pod what its engine reports."""
        if (late := self._late.get(report.key)) is not None:
            late.append(report)
            return
        reply = self._kernel.tell(f"pod/{report.key.pod}", command_of(report))
        reply.then(lambda done: self._answered(report, done))

    def _answered(self, report: Report, reply: LoopFuture[Answer]) -> None:
        try:
            answer = reply.get()
        except Exception:  # noqa: BLE001 - a bug of the decider's, logged there
            return
        if not isinstance(answer, Rejection):
            return
        if isinstance(report, PodKept):
            if answer.code is Code.NOT_FOUND:
                self._engines[report.host].forget_pod(report.key.pod)
            return
        if answer.code in TRANSIENT:
            if report.key not in self._late:
                self._late[report.key] = deque()
                self._later(PAUSE_S, lambda: self._report_late(report.key))
            self._late[report.key].append(report)
            return
        if answer.code is Code.NOT_FOUND:
            return
        structlog.get_logger().warning(
            "report_refused", pod=report.key.pod, run=report.key.run, reason=answer.reason
        )

    def _report_late(self, key: RunKey) -> None:
        for report in self._late.pop(key):
            self.report(report)


def command_of(report: Report) -> PodCommand:
    """Say to the pod what the engine says of its run."""
    run = report.key.run
    match report:
        case RunLaunched() | PodKept():  # which was launched once: that is no news
            return RecordLaunched(run=run)
        case ContainerStarted():
            return RecordContainerStarted(
                run=run, container=report.container, process=report.process, at=report.at
            )
        case ContainerExited():
            return RecordContainerExited(
                run=run,
                container=report.container,
                exit_code=report.exit_code,
                signal=report.signal,
                at=report.at,
                message=report.message,
            )
        case RunEnded():
            return RecordRunEnded(run=run, is_lost=report.is_lost, message=report.message)
        case _:
            assert_never(report)
