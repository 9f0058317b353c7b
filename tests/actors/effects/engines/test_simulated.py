"""What labels make of a simulated pod, on a clock that is moved by hand."""

import pytest

from actors.effects.engines.engine import ContainerExited, ContainerStarted, RunEnded, RunLaunched, RunOrder
from actors.effects.engines.simulated import SimulatedEngine
from actors.kernel.clock import VirtualClock
from events.pod import ContainerSpec, PodSpec
from tests.actors.effects.engines.ear import KEY, Ear, order_of

SECOND = 1_000_000
pytestmark = pytest.mark.asyncio


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def engine(ear: Ear, clock: VirtualClock) -> SimulatedEngine:
    return SimulatedEngine("host-1", ear, clock)


def labelled(*labels: tuple[str, str], survives: bool = True) -> RunOrder:
    return order_of(
        PodSpec(
            containers=(ContainerSpec(name="main", command=("true",)),),
            labels=tuple(sorted((f"simulate.{key}", value) for key, value in labels)),
            survives_server=survives,
        )
    )


async def test_it_runs_at_once_and_for_ever(engine: SimulatedEngine, ear: Ear, clock: VirtualClock) -> None:
    engine.launch(labelled())
    began = clock.now()
    clock.advance()
    assert ear.reports == [
        RunLaunched(key=KEY),
        ContainerStarted(key=KEY, container="main", process=0, at=began),
    ]
    clock.advance(10_000_000 * SECOND)
    assert len(ear.reports) == 2


async def test_labels_delay_the_start_and_end_the_run(
    engine: SimulatedEngine, ear: Ear, clock: VirtualClock
) -> None:
    began = clock.now()
    engine.launch(labelled(("start_s", "2"), ("run_s", "0.5"), ("exit_code", "3")))
    clock.advance(2 * SECOND - 1)
    assert ear.reports == [RunLaunched(key=KEY)]
    clock.advance(1)
    assert ear.starts()[0].at == began + 2 * SECOND
    clock.advance(SECOND)
    at = began + 2 * SECOND + SECOND // 2
    assert ear.reports[-2:] == [
        ContainerExited(key=KEY, container="main", exit_code=3, signal="", at=at),
        RunEnded(key=KEY),
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("start_s", "soon"),
        ("start_s", "-1"),
        ("run_s", "inf"),
        ("run_s", "nan"),
        ("run_s", ""),
        ("exit_code", "256"),
        ("exit_code", "-1"),
        ("exit_code", "1" * 5000),
    ],
)
async def test_a_bad_label_is_a_failed_start(
    engine: SimulatedEngine, ear: Ear, clock: VirtualClock, key: str, value: str
) -> None:
    engine.launch(labelled((key, value)))
    clock.advance()
    (exited,) = ear.exits()
    assert f"label simulate.{key}" in exited.message
    assert exited.exit_code == 126
    assert ear.starts() == []
    assert len(ear.ends()) == 1


async def test_a_stop_before_the_delayed_start(
    engine: SimulatedEngine, ear: Ear, clock: VirtualClock
) -> None:
    engine.launch(labelled(("start_s", "5")))
    clock.advance(SECOND)
    engine.stop(KEY, grace_s=30)
    clock.advance(100 * SECOND)
    assert ear.reports == [RunLaunched(key=KEY), RunEnded(key=KEY)]


async def test_a_restart_takes_over_what_is_observed(
    engine: SimulatedEngine, ear: Ear, clock: VirtualClock
) -> None:
    engine.launch(labelled())
    clock.advance()
    await engine.close(end_pods=False)
    assert ear.ends() == []
    after = SimulatedEngine("host-1", ear, clock)
    after.observe([labelled()])
    clock.advance(SECOND)
    assert ear.ends() == []
    after.stop(KEY, grace_s=1)
    clock.advance()
    assert ear.ends() == [RunEnded(key=KEY)]


async def test_a_session_pod_does_not_outlive_a_restart(ear: Ear, clock: VirtualClock) -> None:
    SimulatedEngine("host-1", ear, clock).observe([labelled(survives=False)])
    clock.advance()
    assert ear.ends() == [RunEnded(key=KEY)]
