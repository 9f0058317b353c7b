"""What every engine promises."""

import pytest
from structlog.testing import capture_logs

from actors.effects.engines.engine import Engine, Report, RunEnded, RunKey, RunLaunched
from events.pod import PodSpec
from tests.actors.effects.engines.ear import KEY, Ear, order, order_of, shell

pytestmark = pytest.mark.asyncio


async def test_a_launch_is_launched_then_started(engine: Engine, ear: Ear) -> None:
    engine.launch(order())
    started = await ear.started()
    assert ear.reports[0] == RunLaunched(key=KEY)
    assert started.at > 0
    assert ear.ends() == []


async def test_nothing_is_told_inside_a_call(engine: Engine, ear: Ear) -> None:
    engine.launch(order())
    engine.observe([order()])
    engine.stop(KEY, grace_s=0)
    assert ear.reports == []
    await ear.ended()


async def test_containers_start_side_by_side(engine: Engine, ear: Ear) -> None:
    engine.launch(order(shell("exec sleep 1000", name="a"), shell("exec sleep 1000", name="b")))
    await ear.started("a")
    await ear.started("b")


async def test_init_containers_end_before_the_others_start(engine: Engine, ear: Ear) -> None:
    spec = PodSpec(
        init_containers=(shell("true", name="one"), shell("true", name="two")),
        containers=(shell("exec sleep 1000"),),
    )
    engine.launch(order_of(spec))
    await ear.started()
    one, two = ear.exits("one")[0], ear.exits("two")[0]
    told = [report for report in ear.reports if not isinstance(report, RunLaunched)]
    assert told == [*ear.starts("one"), one, *ear.starts("two"), two, *ear.starts()]
    assert (one.exit_code, two.exit_code) == (0, 0)


async def test_a_stop_ends_containers_by_sigterm_and_the_run_once(engine: Engine, ear: Ear) -> None:
    engine.launch(order())
    await ear.started()
    engine.stop(KEY, grace_s=10)
    end = await ear.ended()
    exited = await ear.exited()
    assert (exited.exit_code, exited.signal) == (0, "SIGTERM")
    assert end == RunEnded(key=KEY)
    assert ear.reports.index(exited) < ear.reports.index(end)


async def test_a_stop_without_grace_kills(engine: Engine, ear: Ear) -> None:
    engine.launch(order())
    await ear.started()
    engine.stop(KEY, grace_s=0)
    await ear.ended()
    assert ear.exits()[0].signal == "SIGKILL"


async def test_a_second_launch_starts_nothing_and_repeats(engine: Engine, ear: Ear) -> None:
    engine.launch(order())
    engine.launch(order())
    await ear.started()
    engine.launch(order())
    await ear.until(lambda: ear.reports.count(ear.starts()[0]) > 1)
    assert len(ear.starts()) == 1


async def test_a_run_stopped_before_its_launch_never_starts(engine: Engine, ear: Ear) -> None:
    engine.stop(KEY, grace_s=10)
    end = await ear.ended()
    engine.launch(order())
    await ear.until(lambda: ear.reports.count(end) > 1)
    assert set(ear.reports) == {end}
    assert not end.is_lost


async def test_a_stop_right_behind_the_launch_ends_the_run_once(engine: Engine, ear: Ear) -> None:
    engine.launch(order())
    engine.stop(KEY, grace_s=10)
    await ear.ended()
    assert len(ear.ends()) == 1
    assert len(ear.starts()) == len(ear.exits()) <= 1


async def test_a_stop_of_an_ended_run_repeats_its_end(engine: Engine, ear: Ear) -> None:
    engine.launch(order())
    engine.stop(KEY, grace_s=0)
    end = await ear.ended()
    engine.stop(KEY, grace_s=0)
    await ear.until(lambda: ear.reports.count(end) > 1)
    assert len(ear.ends()) == 1


async def test_observing_repeats_all_that_is_known(engine: Engine, ear: Ear) -> None:
    engine.launch(order())
    await ear.started()
    known = list(ear.reports)
    ear.reports.clear()
    engine.observe([order()])
    await ear.until(lambda: len(ear.reports) >= len(known))
    assert ear.reports == known


async def test_a_forgotten_run_is_never_launched_again(engine: Engine, ear: Ear) -> None:
    engine.launch(order())
    engine.stop(KEY, grace_s=0)
    await ear.ended()
    engine.forget(KEY)
    ear.reports.clear()
    engine.launch(order())
    end = await ear.ended()
    assert ear.reports == [end]


async def test_runs_of_a_pod_follow_each_other(engine: Engine, ear: Ear) -> None:
    for number in range(1, 4):
        key = RunKey(pod="pod-1", run=number)
        engine.launch(order(key=key))
        await ear.started(key=key)
        engine.stop(key, grace_s=0)
        await ear.ended(key)
        engine.forget(key)
    engine.forget_pod("pod-1")


async def test_session_pods_end_when_the_server_closes(engine: Engine, ear: Ear) -> None:
    engine.launch(order(survives=False))
    await ear.started()
    await engine.close(end_pods=False)
    assert ear.ends() == [RunEnded(key=KEY)]
    await engine.start()


@pytest.mark.parametrize("survives", [True, False])
async def test_nothing_is_launched_while_an_engine_closes(
    engine: Engine, ear: Ear, *, survives: bool
) -> None:
    """The end of one run is answered with the next, while closing waits for the end of another."""
    second = RunKey(pod=KEY.pod, run=2)

    def restart(report: Report) -> None:
        if report == RunEnded(key=KEY):
            engine.launch(order(key=second, survives=survives))

    slow = RunKey(pod="slow", run=1)
    linger = shell("trap 'sleep 0.2; exit' TERM; while :; do sleep 0.01; done")
    engine.launch(order(survives=survives))
    engine.launch(order(linger, key=slow, survives=survives))
    await ear.started()
    await ear.started(key=slow)
    ear.answer = restart
    with capture_logs() as logs:
        await engine.close(end_pods=survives)
    assert ear.ends() == [RunEnded(key=KEY)]
    assert [entry for entry in logs if entry["log_level"] == "warning"] == []
    assert [report for report in ear.reports if report.key == second] == []
    await engine.start()
    engine.launch(order(key=second))
    await ear.started(key=second)
