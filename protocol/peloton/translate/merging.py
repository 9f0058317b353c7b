"""An instance's own spec over the job's default: what is set replaces the default's whole value.

1. Zero numbers, empty texts, unset messages and empty lists take the default.
2. Truth values always come from the instance.
3. Containers merge by position; those that the instance does not mention stay. So do init containers.
4. `command` and `entrypoint` are two spellings of one thing, and so are their variables, and
   `container` and `image`: an instance that uses one spelling replaces the default's other one too.
"""

from collections.abc import Callable
from typing import TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from protocol.pb.peloton.api.v1alpha.pod import pod_pb2

M = TypeVar("M", bound=Message)

_BY_POSITION = frozenset({"containers", "init_containers"})


def merge_pod(default: pod_pb2.PodSpec, own: pod_pb2.PodSpec) -> pod_pb2.PodSpec:
    """Return the spec of an instance; both arguments stay as they are."""
    merged = _merge(default, own, pod_pb2.PodSpec, without=_BY_POSITION)
    for kind in ("containers", "init_containers"):
        defaults, owns = list(getattr(default, kind)), list(getattr(own, kind))
        getattr(merged, kind).extend(
            merge_container(before, after) for before, after in zip(defaults, owns, strict=False)
        )
        getattr(merged, kind).extend([*defaults[len(owns) :], *owns[len(defaults) :]])
    return merged


def merge_container(default: pod_pb2.ContainerSpec, own: pod_pb2.ContainerSpec) -> pod_pb2.ContainerSpec:
    """Return one container of an instance; both arguments stay as they are."""
    replaced: set[str] = set()
    if own.HasField("command"):
        replaced.add("entrypoint")
        if own.command.HasField("environment"):
            replaced.add("environment")
    if own.HasField("entrypoint"):
        replaced.add("command")
    if own.HasField("container"):
        replaced.add("image")
    if own.image:
        replaced.add("container")
    return _merge(default, own, pod_pb2.ContainerSpec, without=frozenset(replaced))


def _merge(default: M, own: M, make: Callable[[], M], *, without: frozenset[str]) -> M:
    """Merge field by field; of those `without`, the default's value is not taken."""
    merged = make()
    merged.CopyFrom(default)
    for field in merged.DESCRIPTOR.fields:
        if field.name in without or field.type == FieldDescriptor.TYPE_BOOL:
            merged.ClearField(field.name)
    for field, _ in own.ListFields():
        merged.ClearField(field.name)
    replacing = make()
    replacing.CopyFrom(own)
    for name in without & _BY_POSITION:
        replacing.ClearField(name)
    merged.MergeFrom(replacing)
    return merged
