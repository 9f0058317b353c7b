"""Settings that the runner is given while it runs: functions are deployed by them.

1. All of a request is checked before any of it is done. A name of the settings' own is refused.
2. To deploy takes the role `admin`: it says what runs on this machine.
"""

from collections.abc import Mapping
from types import NoneType

from actors.catalog import stream_of
from actors.catalog.commands import DeleteEntry, WriteEntry
from actors.kernel.decider import Code, Rejection
from events.frozen import replace
from protocol.fn.deployment import FUNCTION, SETTING, read_deployment
from protocol.fn.functions import Functions
from protocol.gateway import Call, Gateway, Refused

ADMIN = "admin"


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
        for name, _ in deployments:
            if self._functions.is_configured(name):
                reason = f"the settings of the server declare function {name!r}"
                raise Refused(Rejection(Code.ALREADY_EXISTS, reason, "config"))
        if len(deployments) > 1:  # a key is for one change
            call = replace(call, key="", fingerprint="")
        for name, manifest in deployments:
            command = (
                DeleteEntry() if manifest is None else WriteEntry(kind=FUNCTION, name=name, manifest=manifest)
            )
            await self._gateway.execute(stream_of(FUNCTION, name), command, call, NoneType)
        return len(settings) - len(deployments)
