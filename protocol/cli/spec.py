"""Reads a job from YAML: the wire's own names, and a few shorter ways to write what is long there.

1. The file is a `JobSpec` of the stateless job service by its field names, and may have a
   `create_spec` beside them. `labels` and `environment` may be maps; `entrypoint` may be a list or a
   line of text; a message that only wraps a `value`, such as `respool_id`, may be the value itself.
2. Every mistake is told with the line it is in.
3. YAML is read by the safe loader; a node is never turned into anything but plain values.
"""

from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import yaml
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from protocol.cli.connection import Failed, read
from protocol.cli.exits import Exit
from protocol.pb.peloton.api.v1alpha.job.stateless.svc.stateless_svc_pb2 import CreateJobRequest

PAIRS = {
    "peloton.api.v1alpha.peloton.Label": ("key", "value"),
    "peloton.api.v1alpha.pod.Environment": ("name", "value"),
}
"""Messages whose lists may be written as maps, with what key and value are called in them."""
COMMAND = "peloton.api.v1alpha.pod.CommandSpec"
WHOLE = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
"""The least and the greatest number, by the type of a field."""
OTHERS = {
    FieldDescriptor.CPPTYPE_BOOL: "true or false",
    FieldDescriptor.CPPTYPE_DOUBLE: "a number",
    FieldDescriptor.CPPTYPE_FLOAT: "a number",
}
UNBUILT = (yaml.YAMLError, ValueError, LookupError, AttributeError)
"""What the loader raises for a value that is not of its tag."""
MAX_BYTES = 16 * 2**20
MAX_DEPTH = 50


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the file something is."""

    path: Path
    field: str

    def below(self, name: str) -> "Place":
        """The place of a field."""
        return Place(self.path, f"{self.field}.{name}" if self.field else name)

    def at(self, index: int) -> "Place":
        """The place of an element."""
        return Place(self.path, f"{self.field}[{index}]")

    def wrong(self, node: yaml.Node | None, reason: str) -> Failed:
        """Say what is wrong here."""
        line = f"{node.start_mark.line + 1}: " if node is not None and node.start_mark is not None else " "
        field = f"{self.field}: " if self.field else ""
        return Failed(Exit.USAGE, f"{self.path}:{line}{field}{reason}")


def read_job(path: Path) -> CreateJobRequest:
    """Read a file. Raises Failed, naming the line."""
    content = read(path)
    top = Place(path, "")
    if len(content) > MAX_BYTES:
        raise top.wrong(None, f"must have at most {MAX_BYTES} bytes")
    try:
        root = yaml.compose(content, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Failed(Exit.USAGE, f"{path}:{line}: is not YAML: {error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise Failed(Exit.USAGE, f"{path}: is not YAML: {error}") from None
    if not isinstance(root, yaml.MappingNode):
        raise top.wrong(root, "must be a map with the fields of a job")
    request = CreateJobRequest()
    beside = [pair for pair in root.value if pair[0].value == "create_spec"]
    for _, node in beside:
        fill(request.create_spec, node, top.below("create_spec"), 0)
    root.value = [pair for pair in root.value if pair[0].value != "create_spec"]
    fill(request.spec, root, top, 0)
    return request


def fill(message: Message, node: yaml.Node, place: Place, depth: int) -> None:
    """Set the fields of a message from a node."""
    descriptor = message.DESCRIPTOR
    if depth > MAX_DEPTH:
        raise place.wrong(node, "is nested too deeply")
    if descriptor.full_name == COMMAND and not isinstance(node, yaml.MappingNode):
        words = texts(node, place)
        ParseDict({"value": words[0], "arguments": words[1:]}, message)
        return
    if set(descriptor.fields_by_name) == {"value"} and isinstance(node, yaml.ScalarNode):
        fill_scalar(message, cast("FieldDescriptor", descriptor.fields_by_name["value"]), node, place)
        return
    if not isinstance(node, yaml.MappingNode):
        raise place.wrong(node, f"must be a map with the fields of {descriptor.name}")
    seen: set[str] = set()
    for key, value in node.value:
        field = descriptor.fields_by_name.get(key.value if isinstance(key, yaml.ScalarNode) else "")
        if field is None:
            known = ", ".join(sorted(descriptor.fields_by_name))
            raise place.wrong(key, f"{key.value!s:.60} is no field here; there are {known}")
        if field.name in seen:
            raise place.below(field.name).wrong(key, "is given twice")
        seen.add(field.name)
        fill_field(message, cast("FieldDescriptor", field), value, place.below(field.name), depth)


def fill_field(message: Message, field: FieldDescriptor, node: yaml.Node, place: Place, depth: int) -> None:
    """Set one field from a node."""
    inner = field.message_type
    target = getattr(message, field.name)
    if inner is not None and inner.GetOptions().map_entry:
        fill_map(target, inner, node, place, depth)
    elif (
        field.is_repeated
        and inner is not None
        and inner.full_name in PAIRS
        and isinstance(node, yaml.MappingNode)
    ):
        first, second = PAIRS[inner.full_name]
        for key, value in node.value:
            pair = target.add()
            fill_scalar(pair, inner.fields_by_name[first], key, place)
            fill_scalar(pair, inner.fields_by_name[second], value, place.below(str(key.value)))
    elif field.is_repeated:
        if not isinstance(node, yaml.SequenceNode):
            raise place.wrong(node, "must be a list")
        for index, value in enumerate(node.value):
            if inner is not None:
                fill(target.add(), value, place.at(index), depth + 1)
            else:
                fill_scalar(message, field, value, place.at(index))
    elif inner is not None:
        target.SetInParent()
        fill(target, node, place, depth + 1)
    else:
        fill_scalar(message, field, node, place)


def fill_map(target: Message, entry: Descriptor, node: yaml.Node, place: Place, depth: int) -> None:
    """Set a map field from a node."""
    if not isinstance(node, yaml.MappingNode):
        raise place.wrong(node, "must be a map")
    # A map field is a mapping of the entry's types, which the stubs of Message cannot say.
    into = cast("MutableMapping[object, Message]", target)
    key_field = entry.fields_by_name["key"]
    for key, value in node.value:
        pair = GetMessageClass(entry)()
        fill_scalar(pair, key_field, key, place)
        fill(into[getattr(pair, "key")], value, place.below(str(key.value)), depth + 1)  # noqa: B009 - as above


def fill_scalar(message: Message, field: FieldDescriptor, node: yaml.Node, place: Place) -> None:
    """Set, or add to, a field of a simple type."""
    if not isinstance(node, yaml.ScalarNode):
        raise place.wrong(node, "must be a single value")
    try:
        value = plain(node, field)
        # Parsing replaces a list, merging adds to it.
        one = ParseDict({field.name: [value] if field.is_repeated else value}, type(message)())
    except (ParseError, *UNBUILT):
        raise place.wrong(node, f"must be {wanted(field)} (got {node.value!s:.60})") from None
    message.MergeFrom(one)


def wanted(field: FieldDescriptor) -> str:
    """Say what a field of a simple type must be."""
    if field.enum_type is not None:
        return f"one of {', '.join(value.name for value in field.enum_type.values)}"
    if field.cpp_type in WHOLE:
        least, most = WHOLE[field.cpp_type]
        return f"a whole number from {least} to {most}"
    return OTHERS.get(field.cpp_type, "a text")


def plain(node: yaml.ScalarNode, field: FieldDescriptor) -> object:
    """The value of a node; text stays as it is written where text is wanted."""
    if field.type == FieldDescriptor.TYPE_STRING:
        return str(node.value)
    return yaml.SafeLoader("").construct_object(node)


def texts(node: yaml.Node, place: Place) -> list[str]:
    """A command line: its words, or one text for a shell."""
    if isinstance(node, yaml.ScalarNode):
        words = [str(node.value)]
    elif isinstance(node, yaml.SequenceNode):
        for index, word in enumerate(node.value):
            if not isinstance(word, yaml.ScalarNode):
                raise place.at(index).wrong(word, "must be a text")
        words = [str(word.value) for word in node.value]
    else:
        words = []
    if not words or not words[0]:
        raise place.wrong(node, "must be a program with its arguments")
    return words
