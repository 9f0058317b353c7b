"""Generators of commands and events, one for each entity.

1. `instances` makes any of our data classes from the types of its fields: whole numbers fit in 63
   bits, amounts are finite and not negative, text is valid Unicode.
2. What an entity's machine needs to be plausible (small specs, near run numbers) is made here too.
"""

import types
from collections.abc import Mapping
from enum import StrEnum
from typing import Union, cast, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st
from immutables import Map

from actors.host.commands import HostCommand
from actors.job.commands import JobCommand
from actors.pod.commands import PodCommand
from actors.task.commands import TaskCommand
from actors.worker.commands import WorkerCommand
from events import host, job, pod, task, worker
from events.capacity import Resources
from events.frozen import is_frozen
from events.pod import ContainerSpec, PodSpec, PortSpec

_LEAVES: Mapping[object, st.SearchStrategy[object]] = types.MappingProxyType(
    {
        int: st.integers(min_value=0, max_value=2**63 - 1),
        float: st.floats(min_value=0, max_value=1e9, allow_nan=False),
        str: st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
        bytes: st.binary(max_size=8),
        bool: st.booleans(),
        type(None): st.none(),
        None: st.none(),
    }
)


def instances(kind: object) -> st.SearchStrategy[object]:
    """Generate values of a type: one of our data classes or what their fields are made of."""
    if kind in _LEAVES:
        return _LEAVES[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(instances(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*(instances(each) for each in arguments))
    if origin in (types.UnionType, Union):
        return st.one_of(*(instances(each) for each in arguments))
    if origin is Map:
        key, value = arguments
        return st.dictionaries(instances(key), instances(value), max_size=2).map(Map)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return st.sampled_from(list(kind))
    if is_frozen(kind):
        parts = {each.name: instances(each.type) for each in msgspec.structs.fields(kind)}
        return st.builds(kind, **parts)
    if isinstance(kind, type) and issubclass(kind, tuple):
        return st.builds(kind, **{name: instances(each) for name, each in get_type_hints(kind).items()})
    raise TypeError(f"no strategy for {kind!r}")


def pod_events() -> st.SearchStrategy[pod.PodEvent]:
    return cast("st.SearchStrategy[pod.PodEvent]", instances(pod.PodEvent))


def job_events() -> st.SearchStrategy[job.JobEvent]:
    return cast("st.SearchStrategy[job.JobEvent]", instances(job.JobEvent))


def host_events() -> st.SearchStrategy[host.HostEvent]:
    return cast("st.SearchStrategy[host.HostEvent]", instances(host.HostEvent))


def pod_commands() -> st.SearchStrategy[PodCommand]:
    return cast("st.SearchStrategy[PodCommand]", instances(PodCommand))


def job_commands() -> st.SearchStrategy[JobCommand]:
    return cast("st.SearchStrategy[JobCommand]", instances(JobCommand))


def host_commands() -> st.SearchStrategy[HostCommand]:
    return cast("st.SearchStrategy[HostCommand]", instances(HostCommand))


def task_events() -> st.SearchStrategy[task.TaskEvent]:
    return cast("st.SearchStrategy[task.TaskEvent]", instances(task.TaskEvent))


def worker_events() -> st.SearchStrategy[worker.WorkerEvent]:
    return cast("st.SearchStrategy[worker.WorkerEvent]", instances(worker.WorkerEvent))


def task_commands() -> st.SearchStrategy[TaskCommand]:
    return cast("st.SearchStrategy[TaskCommand]", instances(TaskCommand))


def worker_commands() -> st.SearchStrategy[WorkerCommand]:
    return cast("st.SearchStrategy[WorkerCommand]", instances(WorkerCommand))


_whole = st.sampled_from([0.0, 1.0])
_small = st.integers(min_value=0, max_value=40).map(lambda tenths: tenths / 10)


@st.composite
def pod_specs(draw: st.DrawFn, *, max_containers: int = 2) -> PodSpec:
    """Generate small plausible specs: unique container names, few ports in a narrow range."""
    count = draw(st.integers(1, max_containers))
    init_count = draw(st.integers(0, 1))

    def container(name: str) -> ContainerSpec:
        ports = draw(st.lists(st.sampled_from([0, 0, 31000, 31001, 8080]), max_size=2))
        return ContainerSpec(
            name=name,
            command=("true",),
            resources=Resources(
                cpu=draw(_small), memory_mb=draw(_small), gpu=draw(st.sampled_from([0.0, 1.0]))
            ),
            ports=tuple(PortSpec(name=f"{name}-{i}", number=number) for i, number in enumerate(ports)),
        )

    return PodSpec(
        containers=tuple(container(f"main-{i}") for i in range(count)),
        init_containers=tuple(container(f"init-{i}") for i in range(init_count)),
        restart=draw(st.sampled_from(pod.Restart)),
    )
