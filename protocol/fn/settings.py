"""Settings that the runner is given while it runs: functions are deployed by them.

1. All of a request is checked before any of it is done, and all of it is done in one append. A name of
   the settings' own is refused.
2. To deploy takes the role `admin`: it says what runs on this machine.
"""

from collections.abc import Iterable, Mapping

from actors.catalog import stream_of
from actors.catalog.commands import DeleteEntry, WriteEntry
from actors.kernel.decider import Code, Rejection
from protocol.fn.deployment import FUNCTION, SETTING, read_deployment
from protocol.fn.functions import Functions
from protocol.gateway import Call, Gateway, Refused

ADMIN = "admin"
NO_CHANGE = stream_of(FUNCTION, ""), DeleteEntry()
"""What is done when nothing is: under a key, that is remembered, too. No function has this name."""


class RunnerSettings:
    """Takes settings."""

    def __init__(self, functions: Functions, gateway: Gateway) -> None:
        self._functions = functions
        self._gateway = gateway

    async def take(self, settings: Mapping[str, str], call: Call) -> int:
        """Do what settings say; return how many of them mean nothing. Raises Refused."""
        deployments = [
            read_deployment(key, value) for key, value in settings.items() if key.startswith(SETTING)
        ]
        if deployments and ADMIN not in call.roles:
            raise Refused(Rejection(Code.FORBIDDEN, "deploying functions takes the role admin"))

        async def changes() -> list[tuple[str, object]]:
            self._check_names(name for name, _ in deployments)
            return [
                (
                    stream_of(FUNCTION, name),
                    DeleteEntry()
                    if manifest is None
                    else WriteEntry(kind=FUNCTION, name=name, manifest=manifest),
                )
                for name, manifest in deployments
            ] or [NO_CHANGE]

        await self._gateway.execute_together(changes, call)
        return len(settings) - len(deployments)

    def _check_names(self, names: Iterable[str]) -> None:
        for name in names:
            if self._functions.is_configured(name):
                reason = f"the settings of the server declare function {name!r}"
                raise Refused(Rejection(Code.ALREADY_EXISTS, reason, "config"))
