"""Quantum processors as the settings declare them: workers, each with a pod for its engine.

1. A worker's id is the name of its processor. Its pod is a session pod: it ends with the server.
2. The engine asks for nothing of its host: how much a job takes depends on the job, and the slot is
   what is counted.
"""

import sys
from collections.abc import Mapping

from events.pod import ContainerSpec, PodSpec
from events.worker import WorkerSpec
from protocol.settings import Settings

KIND = "quantum"
"""What the tasks of these workers are for."""
ENGINE = PodSpec(
    containers=(
        ContainerSpec(name="engine", command=(sys.executable, "-m", "actors.effects.quantum.worker")),
    ),
    labels=(("polyplane.worker", KIND),),
    # A job that runs into its limit is not asked to end.
    kill_grace_s=0,
    backoff_s=0.2,
    backoff_max_s=5.0,
    survives_server=False,
)


def declared_workers(settings: Settings) -> Mapping[str, WorkerSpec]:
    """Return what is declared, by name."""
    return {name: WorkerSpec(kind=KIND, pod=ENGINE) for name in settings.rigetti.processors}
