"""What is run for an image, and how: the pods of functions.

1. A function process has in its environment what the call's configuration says, whatever the names are, where
   to listen, in which form, and PATH; nothing else of the server's. No shell is on the way to it: one
   would keep names to itself.
2. It runs in the directory that the function names, or else in its pod's own.
3. An image of which nothing is known is run as a container, where that is wanted (containers.py).
4. It is never started again by itself: whoever needs another slot starts another pod.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from events.capacity import Resources
from events.pod import ContainerSpec, PodSpec, Restart
from projections.catalog import EntryView
from protocol.fn import containers
from protocol.fn.deployment import read_deployed
from protocol.fn.function import Function
from protocol.fn.translate.model import CallModel

FORMAT, LISTENER = "FN_FORMAT", "FN_LISTENER"
HTTP_STREAM = "http-stream"
CONTAINER = "function"
"""Name of the one container of a function's pod."""
INHERITED = ("HOME", "LANG", "TZ")
"""What processes of pods inherit beside PATH."""
OPEN_FILES = 1_024
DATA_SLACK_MB = 512
"""What a function's data may have beside its memory, for a runtime reserves more than it uses; control groups
count the latter, where there are any."""


def configured(model: CallModel) -> tuple[tuple[str, str], ...]:
    """Return the configuration that the key of a slot is of: that of the call, and the form."""
    complete = {**dict(model.config), FORMAT: HTTP_STREAM, LISTENER: "unix:/tmp/iofs/lsnr.sock"}
    return tuple(sorted(complete.items(), key=lambda pair: pair[0].encode()))


def pod_of(function: Function, model: CallModel) -> Callable[[Path], PodSpec]:
    """Return what makes the pod of a function, given where it has to make its socket."""
    return partial(_spec, function, model)


def _spec(function: Function, model: CallModel, socket: Path) -> PodSpec:
    if function.owner:
        return _pod(model, _container_of(function, model, socket), (), grace_s=containers.GRACE_S)
    environment = {**dict(function.environment), **dict(model.config)}
    environment |= {FORMAT: HTTP_STREAM, LISTENER: f"unix:{socket}"}
    dropped = [f"--unset={name}" for name in INHERITED if name not in environment]
    there = [f"--chdir={function.directory}"] if function.directory else []
    command = ("/usr/bin/env", *dropped, *there, *function.command)
    return _pod(
        model, command, tuple(environment.items()), grace_s=1, data_mb=model.memory_mb + DATA_SLACK_MB
    )


def _container_of(function: Function, model: CallModel, socket: Path) -> tuple[str, ...]:
    listener = f"unix:{containers.SOCKETS}/{socket.name}"
    environment = {**dict(model.config), FORMAT: HTTP_STREAM, LISTENER: listener}
    return containers.command_of(
        model.image,
        owner=function.owner,
        directory=socket.parent,
        environment=environment.items(),
        memory_mb=model.memory_mb,
        tmpfs_mb=model.tmpfs_mb,
        milli_cpus=model.milli_cpus,
    )


def _pod(
    model: CallModel,
    command: tuple[str, ...],
    environment: tuple[tuple[str, str], ...],
    *,
    grace_s: int,
    data_mb: int = 0,
) -> PodSpec:
    container = ContainerSpec(
        name=CONTAINER,
        command=command,
        environment=environment,
        resources=Resources(cpu=model.milli_cpus / 1000, memory_mb=float(model.memory_mb + model.tmpfs_mb)),
        open_files=OPEN_FILES if data_mb else 0,
        data_mb=data_mb,
        image=model.image,
    )
    return PodSpec(
        containers=(container,),
        labels=(("polyplane.worker", "function"),),
        kill_grace_s=grace_s,
        restart=Restart.NEVER,
        survives_server=False,
    )


class Functions:
    """All functions by image.

    Args:
        configured: What the settings declare; nothing else may take their names.
        deployed: Tells what was deployed.
        owner: Of containers: images of which nothing is known are run as such; empty to run none.
    """

    def __init__(
        self,
        configured: Mapping[str, Function],
        deployed: Callable[[], Mapping[str, EntryView]],
        *,
        owner: str = "",
    ) -> None:
        self._owner = owner
        self._configured = dict(configured)
        self._deployed = deployed

    def of(self, image: str) -> Function | None:
        """Return what is run for an image, None when nothing is known of it."""
        if (function := self._configured.get(image)) is not None:
            return function
        if (entry := self._deployed().get(image)) is not None:
            return read_deployed(entry.manifest.body, entry.number)
        is_container = self._owner and containers.is_image(image)
        return Function(owner=self._owner) if is_container else None

    def is_configured(self, image: str) -> bool:
        """Return whether the settings declare it."""
        return image in self._configured
