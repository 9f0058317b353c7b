"""A patch over a job's spec: only what the patch says changes.

1. A number that is 0, a text that is empty, a truth value that is false and a message that is not
   set say nothing: a patch can clear none of them.
2. Lists are replaced whole, but containers are patched one by one, by position, and instances' own
   specs by number.
3. `command` and `entrypoint`, and `container` and `image`, are two spellings of one thing: a patch
   that uses one drops the other. So are the variables of a `command` and `environment`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from google.protobuf.message import Message

from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2

Containers = RepeatedCompositeFieldContainer[pod_pb2.ContainerSpec]

_CONTAINER = pod_pb2.ContainerSpec.DESCRIPTOR
_BY_POSITION = frozenset({"containers", "init_containers"})
_OTHER_SPELLING: Mapping[str, str] = MappingProxyType(
    {"command": "entrypoint", "entrypoint": "command", "container": "image", "image": "container"}
)


def patch_job(stored: stateless_pb2.JobSpec, patch: stateless_pb2.JobSpec) -> stateless_pb2.JobSpec:
    """Return the patched spec; both arguments stay as they are."""
    patched = stateless_pb2.JobSpec()
    patched.CopyFrom(stored)
    _patch(patched, patch)
    return patched


def _patch(message: Message, patch: Message) -> None:
    for field, value in patch.ListFields():
        if message.DESCRIPTOR is _CONTAINER and field.name in _OTHER_SPELLING:
            message.ClearField(_OTHER_SPELLING[field.name])
            if field.name == "command" and value.environment.variables:
                message.ClearField("environment")
        if field.name == "instance_spec":
            for number, own in value.items():
                _patch(message.instance_spec[number], own)  # type: ignore[attr-defined] # a JobSpec
        elif field.name in _BY_POSITION:
            _patch_each(getattr(message, field.name), value)
        elif field.is_repeated:
            message.ClearField(field.name)
            getattr(message, field.name).MergeFrom(value)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            _patch(getattr(message, field.name), value)
            getattr(message, field.name).SetInParent()
        else:
            setattr(message, field.name, value)


def _patch_each(containers: Containers, patches: Containers) -> None:
    for place, patch in enumerate(patches):
        if place < len(containers):
            _patch(containers[place], patch)
        else:
            containers.add().CopyFrom(patch)
