"""What another specification changes: which instances come, move, go, or stay as they are.

1. A pod moves when what it runs, by its own configuration, differs from what it is to run; or when
   it was on its way to another configuration already.
2. Names of containers make no difference, nor the order of labels and ports, nor what the pod has
   from its owner, nor anything that is said of the job alone.
3. A configuration that is no longer known counts as different.
4. A pod that an earlier workflow removes, and that is still there, is none of a new one's: where it
   is wanted again, it is added.
"""

from collections.abc import Callable
from typing import NamedTuple

from actors.job.state import JobState
from actors.job.waiting import ranges_of
from events.job import InstanceRange, JobSpec
from events.pod import ContainerSpec, PodSpec
from events.ranges import numbers


class Difference(NamedTuple):
    """Instances by what happens to them."""

    added: tuple[InstanceRange, ...]
    updated: tuple[InstanceRange, ...]
    removed: tuple[InstanceRange, ...]
    unchanged: tuple[InstanceRange, ...]


def difference(state: JobState, spec: JobSpec) -> Difference:
    """Return what a specification changes in the pods that there are."""
    count = spec.instance_count
    wanted = specs_of(spec)
    known = {config: specs_of(each) for config, each in state.specs.items()}
    alike: dict[tuple[int, int], bool] = {}

    def is_changed(instance: int) -> bool:
        pod = state.pods[instance]
        its_specs = known.get(pod.config)
        if pod.config != pod.desired_config or its_specs is None:
            return True
        now, then = its_specs(instance), wanted(instance)
        pair = id(now), id(then)  # both are kept by their jobs' specs
        if pair not in alike:
            alike[pair] = now is not None and then is not None and runs_alike(now, then)
        return not alike[pair]

    present = [each for each in state.pods if each < count and each not in state.leaving]
    updated = {each for each in present if is_changed(each)}
    there = set(present)
    return Difference(
        added=ranges_of(each for each in range(count) if each not in there),
        updated=ranges_of(updated),
        removed=ranges_of(each for each in state.pods if each >= count and each not in state.leaving),
        unchanged=ranges_of(there - updated),
    )


def restarted(state: JobState, asked: tuple[InstanceRange, ...]) -> tuple[InstanceRange, ...]:
    """Return the instances that a restart of some has to restart: those with a pod that stays."""
    return ranges_of(each for each in numbers(asked) if each in state.pods and each not in state.leaving)


def specs_of(spec: JobSpec) -> Callable[[int], PodSpec | None]:
    """Return what tells the specification of an instance, None where there is none."""
    default = spec.default
    if not spec.instances:
        return lambda _: default
    own = dict(spec.instances)
    return lambda instance: own.get(instance, default)


def surely_specs_of(spec: JobSpec) -> Callable[[int], PodSpec]:
    """Return what tells the specification of an instance that has one."""
    specs = specs_of(spec)

    def tell(instance: int) -> PodSpec:
        found = specs(instance)
        if found is None:
            raise ValueError(
                f"instance {instance} has no spec; whoever makes or changes its job refuses that"
            )
        return found

    return tell


def runs_alike(one: PodSpec, other: PodSpec) -> bool:
    """Return whether a pod that runs one need not start again to run the other."""
    return one is other or _essence(one) == _essence(other)


def _essence(spec: PodSpec) -> tuple[object, ...]:
    inherited = frozenset(spec.inherited)
    return (
        tuple(_container(each) for each in spec.containers),
        tuple(_container(each) for each in spec.init_containers),
        frozenset(spec.labels) - inherited,
        tuple(pair for pair in spec.environment if pair not in inherited),
        spec.kill_grace_s,
        spec.restart,
        spec.revocable,
        spec.survives_server,
        spec.beyond,
    )


def _container(spec: ContainerSpec) -> tuple[object, ...]:
    ports = frozenset(spec.ports)
    return spec.command, spec.environment, spec.resources, spec.open_files, ports, spec.image
