"""Fn's runner protocol: the one thing that the server needs of this façade is `servicers`."""

from collections.abc import Callable, Mapping

from google.protobuf.descriptor import ServiceDescriptor

from actors.effects.slots import Slots
from protocol.calls import Calls
from protocol.fn.containers import remove_left
from protocol.fn.deployment import FUNCTION
from protocol.fn.function import Function
from protocol.fn.functions import Functions
from protocol.fn.logs import Files, Logs
from protocol.fn.rules import Rules
from protocol.fn.runner import ORIGIN, RunnerServicer
from protocol.fn.settings import RunnerSettings
from protocol.fn.wants import Wants
from protocol.gateway import Gateway
from protocol.pb.fn import runner_pb2

__all__ = ["FUNCTION", "ORIGIN", "Function", "Functions", "Rules", "remove_left", "servicers"]


def servicers(
    slots: Slots,
    calls: Calls,
    *,
    functions: Functions,
    gateway: Gateway,
    files: Files,
    rules: Rules,
    new_id: Callable[[], str],
    now: Callable[[], int],
) -> Mapping[ServiceDescriptor, object]:
    """Return what answers each service; `now` tells microseconds since the epoch, UTC."""
    runner = RunnerServicer(
        slots=slots,
        wants=Wants(functions, rules),
        rules=rules,
        calls=calls,
        settings=RunnerSettings(functions, gateway),
        logs=Logs(files, now),
        new_id=new_id,
        now=now,
    )
    return {runner_pb2.DESCRIPTOR.services_by_name["RunnerProtocol"]: runner}
