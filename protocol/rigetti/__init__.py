"""Rigetti's Controller: the one thing that the server needs of this façade is `servicers`."""

from collections.abc import Callable, Mapping

from google.protobuf.descriptor import ServiceDescriptor

from protocol.calls import Calls
from protocol.pb.rigetti.controller import service_pb2
from protocol.rigetti.controller import ControllerServicer
from protocol.rigetti.programs import Keys, Programs, Reading, make_keys
from protocol.rigetti.rules import Processor, Rules
from protocol.rigetti.submissions import Submissions
from protocol.rigetti.translate.limits import MICROSECONDS, Limits
from protocol.rigetti.translate.stored import PROGRAM
from protocol.rigetti.translate.targets import Targets
from protocol.task_gateway import TaskGateway

__all__ = [
    "MICROSECONDS",
    "ORIGIN",
    "Keys",
    "Limits",
    "Processor",
    "Programs",
    "Rules",
    "make_keys",
    "servicers",
]

ORIGIN = "rigetti"
"""What calls through this façade say of where they came from."""


def servicers(
    tasks: TaskGateway,
    calls: Calls,
    *,
    rules: Rules,
    programs: Reading,
    random_id: Callable[[], str],
    now: Callable[[], int],
) -> Mapping[ServiceDescriptor, object]:
    """Return what answers each service; `now` tells microseconds since the epoch, UTC."""
    targets = Targets({name: each.endpoints for name, each in rules.processors.items()})
    tasks.open_with(PROGRAM, programs.open)
    submissions = Submissions(rules, targets, programs, random_id)
    controller = ControllerServicer(
        tasks=tasks, calls=calls, rules=rules, targets=targets, submissions=submissions, now=now
    )
    return {service_pb2.DESCRIPTOR.services_by_name["Controller"]: controller}
