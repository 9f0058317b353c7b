"""Says in one line each what a file descriptor declares.

1. A fact is a line about an element: a service, method, message, field, enum or enum value. It
   holds whatever a client can notice: number, type, label, oneof, default, streaming, route.
2. A proto3 field that tracks presence reads as the proto2 field that it is on the wire: "optional".
   Inside a oneof the label says nothing and is left out.
3. Elements go by full name, files do not matter.
"""

from collections.abc import Iterable, Iterator

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
)

LABELS = {
    FieldDescriptorProto.LABEL_REPEATED: "repeated ",
    FieldDescriptorProto.LABEL_REQUIRED: "required ",
    FieldDescriptorProto.LABEL_OPTIONAL: "optional ",
}


def facts(files: Iterable[FileDescriptorProto]) -> dict[str, str]:
    """All facts of some files, by element."""
    return {element: fact for file in files for element, fact in of_file(file)}


def of_file(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    scope = f"{file.package}." if file.package else ""
    for service in file.service:
        name = scope + service.name
        yield f"service {name}", "declared"
        for method in service.method:
            yield f"method {name}/{method.name}", method_fact(method)
    for message in file.message_type:
        yield from of_message(scope, message, proto3=file.syntax == "proto3")
    for enum in file.enum_type:
        yield from of_enum(scope, enum)


def of_message(scope: str, message: DescriptorProto, *, proto3: bool) -> Iterator[tuple[str, str]]:
    name = scope + message.name
    yield f"message {name}", "declared"
    maps = {}
    for nested in message.nested_type:
        if nested.options.map_entry:
            key, value = nested.field
            maps[f".{name}.{nested.name}"] = f"map<{type_of(key)}, {type_of(value)}>"
        else:
            yield from of_message(f"{name}.", nested, proto3=proto3)
    for enum in message.enum_type:
        yield from of_enum(f"{name}.", enum)
    for field in message.field:
        yield f"field {name}.{field.name}", field_fact(message, field, maps, proto3=proto3)


def of_enum(scope: str, enum: EnumDescriptorProto) -> Iterator[tuple[str, str]]:
    name = scope + enum.name
    yield f"enum {name}", "declared"
    for value in enum.value:
        yield f"value {name}.{value.name}", f"= {value.number}"


def field_fact(
    message: DescriptorProto, field: FieldDescriptorProto, maps: dict[str, str], *, proto3: bool
) -> str:
    kind = type_of(field)
    in_oneof = field.HasField("oneof_index") and not field.proto3_optional
    singular = proto3 and field.label == FieldDescriptorProto.LABEL_OPTIONAL and not field.proto3_optional
    label = "" if kind in maps or in_oneof or singular else LABELS[field.label]
    oneof = f", one of {message.oneof_decl[field.oneof_index].name}" if in_oneof else ""
    default = f", default {field.default_value}" if field.HasField("default_value") else ""
    return f"{label}{maps.get(kind, kind)} = {field.number}{oneof}{default}"


def type_of(field: FieldDescriptorProto) -> str:
    return field.type_name or FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()


def method_fact(method: MethodDescriptorProto) -> str:
    request = f"{'stream ' if method.client_streaming else ''}{method.input_type}"
    response = f"{'stream ' if method.server_streaming else ''}{method.output_type}"
    rule = method.options.Extensions[annotations_pb2.http]
    if verb := rule.WhichOneof("pattern"):
        body = f" with {rule.body}" if rule.body else ""
        return f"{request} -> {response}, {verb} {getattr(rule, verb)}{body}"
    return f"{request} -> {response}"
