"""Finds what a pod's client wrote of it: in the job's spec of the configuration that the pod has.

1. A run whose configuration the job keeps no more has no spec, as little as `GetJob` knows one.
2. A pod of no job, or of one that came from elsewhere, has its spec spelled from what the pod itself knows.
3. What was found in a job's past is remembered; an answer about many pods reads it once.
"""

from collections import OrderedDict

from events.job import JobSpec
from events.record import entity_of, id_of
from projections.pods import PodView
from protocol.gateway import Gateway
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.peloton.history import spec_of
from protocol.peloton.translate.stored_spec import StoredSpecs, spell_pod_spec

KEPT = 256
"""Configurations that are remembered."""


class PodSpecs:
    """Spells the specs of pods."""

    def __init__(self, gateway: Gateway, specs: StoredSpecs) -> None:
        self._gateway = gateway
        self._specs = specs
        self._past: OrderedDict[tuple[str, int], JobSpec] = OrderedDict()

    async def of(self, pod: PodView) -> pod_pb2.PodSpec | None:
        """Return the spec that a pod's run has, with the pod's name; None when it is kept no more."""
        job = await self._gateway.job(id_of(pod.owner)) if entity_of(pod.owner) == "job" else None
        if job is None:
            return _known(pod)
        if pod.config not in job.configs:
            return None
        spec = job.spec if pod.config == job.config else await self._past_spec(job.id, pod.config)
        if spec is None or not (spec.default or spec.instances):
            return _known(pod)
        return self._specs.of_pod(spec, pod.instance, pod.id)

    async def _past_spec(self, job: str, config: int) -> JobSpec | None:
        key = job, config
        found = self._past.get(key) or await spec_of(self._gateway, job, config)
        if found is not None:
            self._past[key] = found
            if len(self._past) > KEPT:
                self._past.popitem(last=False)
        return found


def _known(pod: PodView) -> pod_pb2.PodSpec:
    spelled = spell_pod_spec(pod.spec)
    spelled.pod_name.value = pod.id
    return spelled
