"""Makes of requests what is to be queued; the order of the checks is part of the API.

1. What is checked here comes after the key was looked up, and in this order: configurations, job,
   target, limit, decryption and programme, values, settings. The first failure is the answer.
2. A batch is checked member by member; a refusal names the first bad one. Members that are equal are checked
   once.
3. Ids are random, one for each configuration, in their order.
"""

from collections.abc import Callable, Sequence

from actors.kernel.decider import Code, Rejection
from actors.task.commands import NewTask, TaskGroup
from events.frozen import replace
from protocol.gateway import Refused
from protocol.pb.rigetti.controller import service_pb2 as pb
from protocol.rigetti.programs import JOB, Checked, Reading
from protocol.rigetti.rules import ADMIN, Rules
from protocol.rigetti.translate.refusal import invalid, within
from protocol.rigetti.translate.stored import store_arguments, store_program
from protocol.rigetti.translate.targets import Targets
from protocol.task_gateway import Submission


class Submissions:
    """Reads requests.

    Args:
        rules: What is allowed.
        targets: Names of processors.
        programs: Reads jobs.
        random_id: Makes ids: UUIDs of version 4.
    """

    def __init__(
        self, rules: Rules, targets: Targets, programs: Reading, random_id: Callable[[], str]
    ) -> None:
        self._rules = rules
        self._targets = targets
        self._programs = programs
        self._random_id = random_id

    async def of(
        self, requests: Sequence[pb.ExecuteControllerJobRequest], roles: frozenset[str], *, is_batch: bool
    ) -> Submission:
        """Return what requests want queued, all or none. Refuses the first bad one."""
        if not requests:
            raise invalid("requests", "must have at least one")
        if not is_batch:
            groups = [await self._group(request, roles) for request in requests]
            return Submission(groups=tuple(groups), capacity=self._rules.queue_capacity)
        groups = []
        known: dict[bytes, TaskGroup] = {}
        for place, request in enumerate(requests):
            body = request.SerializeToString(deterministic=True)
            if (group := known.get(body)) is not None:
                group = self._again(group)
            else:
                with within(f"requests[{place}]"):
                    group = known[body] = await self._group(request, roles)
            groups.append(group)
        return Submission(groups=tuple(groups), capacity=self._rules.queue_capacity)

    def _again(self, group: TaskGroup) -> TaskGroup:
        """Return the same under new ids."""
        tasks = tuple(NewTask(id=self._random_id(), arguments=task.arguments) for task in group.tasks)
        return replace(group, tasks=tasks)

    async def _group(self, request: pb.ExecuteControllerJobRequest, roles: frozenset[str]) -> TaskGroup:
        rules, configurations = self._rules, request.execution_configurations
        if not configurations:
            raise invalid("execution_configurations", "must have at least one")
        if request.WhichOneof("job") != "encrypted":
            raise invalid("job", "must be given")
        if not request.encrypted.job:
            raise invalid(JOB, "must not be empty")
        name = self._targets.chosen(request)
        asked_us = rules.limits.asked(request.options)
        processor = rules.processors[name]
        checked = await self._programs.check(request.encrypted, processor.max_qubits)
        for place, configuration in enumerate(configurations):
            if configuration.memory_values:
                with within(f"execution_configurations[{place}]"):
                    self._programs.check_patches(checked, configuration)
        self._check_settings(checked, request, roles)
        estimate_us = checked.payload.estimated_duration_us or 0
        return TaskGroup(
            worker=f"worker/{name}",
            limit_us=asked_us or rules.limits.derived(estimate_us),
            keep_us=rules.retention_us,
            estimate_us=estimate_us,
            program=store_program(request.encrypted, processor.max_qubits),
            tasks=tuple(
                NewTask(id=self._random_id(), arguments=store_arguments(place, configuration))
                for place, configuration in enumerate(configurations)
            ),
        )

    def _check_settings(
        self, checked: Checked, request: pb.ExecuteControllerJobRequest, roles: frozenset[str]
    ) -> None:
        managed = [name for name in checked.payload.settings if self._rules.is_managed(name)]
        if not managed or (request.options.bypass_settings_protection and ADMIN in roles):
            return
        reason = (
            f"the job would change the managed setting {managed[0][:64]!r}:"
            f" that needs bypass_settings_protection and the role {ADMIN}"
        )
        raise Refused(Rejection(Code.FORBIDDEN, reason, "options.bypass_settings_protection"))
