"""Finds what a pod's client wrote of it: in the job's spec of the configuration that the pod has.

1. A pod whose job or configuration is gone has its spec spelled from what the pod itself knows.
2. What was found in a job's past is remembered; an answer about many pods reads it once.
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

    async def of(self, pod: PodView) -> pod_pb2.PodSpec:
        """Return the spec that a pod's run has, with the pod's name."""
        spec = await self._job_spec(pod)
        if spec is None or not (spec.default or spec.instances):
            spelled = spell_pod_spec(pod.spec)
            spelled.pod_name.value = pod.id
            return spelled
        return self._specs.of_pod(spec, pod.instance, pod.id)

    async def _job_spec(self, pod: PodView) -> JobSpec | None:
        if entity_of(pod.owner) != "job":
            return None
        id = id_of(pod.owner)  # noqa: A001 - the name of the thing
        job = await self._gateway.job(id)
        if job is not None and job.config == pod.config:
            return job.spec
        key = id, pod.config
        found = self._past.get(key) or await spec_of(self._gateway, id, pod.config)
        if found is not None:
            self._past[key] = found
            if len(self._past) > KEPT:
                self._past.popitem(last=False)
        return found
