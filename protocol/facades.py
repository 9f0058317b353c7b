"""The façades that there are: this list is where one is added.

1. What a façade needs is handed to it here; none of them knows the plane or the settings.
"""

import hashlib
import os
import pwd
import random
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from google.protobuf.descriptor import ServiceDescriptor

from projections.catalog import EntryView
from protocol import fn, inspect, peloton, rigetti
from protocol.addresses import SocketAddress
from protocol.calls import Calls
from protocol.sandbox import SandboxDirectory
from protocol.server import Served, Unservable
from protocol.settings import FnSettings, RigettiSettings, Settings

TEXTS = {peloton.ATTACHMENT: peloton.texts_of}
"""How the texts of attachments are read, to be searched."""


def make_facades(
    plane: Served, settings: Settings, http_address: SocketAddress
) -> Mapping[ServiceDescriptor, object]:
    """Make the servicers of all façades."""
    gateway = plane.gateway
    return {
        **inspect.servicers(gateway),
        **peloton.servicers(
            gateway,
            Calls(peloton.ORIGIN, new_id=gateway.new_id),
            rules=peloton.Rules(
                instances_per_job=settings.limits.instances_per_job,
                backoff_s=settings.peloton.restart_backoff_s,
                backoff_max_s=settings.peloton.restart_backoff_max_s,
                user=user(),
            ),
            sandboxes=SandboxDirectory(plane.data.pods),
            http_address=lambda: (reachable(http_address.host), http_address.port),
            now=now,
        ),
        **_controller(plane, settings),
        **fn.servicers(
            plane.work.slots,
            Calls(fn.ORIGIN, new_id=gateway.new_id),
            functions=declared_functions(
                settings.fn,
                lambda: plane.work.catalog.of(fn.FUNCTION),
                owner=owner_of_containers(settings.fn, plane.data.pods),
            ),
            gateway=gateway,
            files=SandboxDirectory(plane.data.pods),
            rules=call_rules(settings.fn),
            new_id=gateway.new_id,
            now=now,
        ),
    }


_VERSION_4 = 0x4000 << 64 | 0x8000 << 48
_RANDOM = ~(0xF000 << 64 | 0xC000 << 48)


class RandomIds:
    """Makes UUIDs of version 4."""

    def __init__(self) -> None:
        # Seeded by the system once: ids have to be unique, not secret, and a call of the system each costs.
        self._bits = random.Random(random.SystemRandom().getrandbits(256)).getrandbits  # noqa: S311

    def __call__(self) -> str:
        """Return another one."""
        # Written out: an object of `uuid` for each would take three times as long.
        number = self._bits(128) & _RANDOM | _VERSION_4
        digits = f"{number:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def now() -> int:
    """Microseconds since the epoch, UTC."""
    return time.time_ns() // 1000


def _controller(plane: Served, settings: Settings) -> Mapping[ServiceDescriptor, object]:
    try:
        keys = rigetti.make_keys(settings.rigetti.keys_file)
    except ValueError as error:
        raise Unservable(str(error)) from None
    plane.reloads.append(keys.reload)
    return rigetti.servicers(
        plane.task_gateway,
        Calls(rigetti.ORIGIN, new_id=plane.gateway.new_id),
        rules=controller_rules(settings.rigetti),
        programs=rigetti.Programs(keys, takes_plaintext=settings.takes_plaintext_jobs),
        random_id=RandomIds(),
        now=now,
    )


def controller_rules(settings: RigettiSettings) -> rigetti.Rules:
    """Say what the settings say."""
    return rigetti.Rules(
        processors={
            name: rigetti.Processor(endpoints=each.endpoints, max_qubits=each.max_qubits)
            for name, each in settings.processors.items()
        },
        limits=rigetti.Limits(
            default_us=round(settings.default_timeout_s * rigetti.MICROSECONDS),
            maximum_us=round(settings.maximum_timeout_s * rigetti.MICROSECONDS),
        ),
        retention_us=round(settings.retention_s * rigetti.MICROSECONDS),
        queue_capacity=settings.queue_capacity,
        managed_settings=frozenset(settings.managed_settings),
        result_wait_s=settings.result_wait_s,
    )


def owner_of_containers(settings: FnSettings, path: Path) -> str:
    """Return what this server's containers are known by, having removed what is left; empty for none."""
    if not settings.podman:
        return ""
    owner = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:16]
    try:
        fn.remove_left(owner)
    except OSError as error:
        raise Unservable(f"fn.podman: podman cannot be run: {error.strerror}") from None
    return owner


def declared_functions(
    settings: FnSettings, deployed: Callable[[], Mapping[str, EntryView]], *, owner: str = ""
) -> fn.Functions:
    """Return the functions that the settings declare, and those that were deployed."""
    return fn.Functions(
        owner=owner,
        deployed=deployed,
        configured={
            image: fn.Function(
                command=each.command,
                directory=str(each.directory.absolute()) if each.directory is not None else "",
                environment=tuple(each.environment.items()),
            )
            for image, each in settings.functions.items()
        },
    )


def call_rules(settings: FnSettings) -> fn.Rules:
    """Say what the settings say."""
    return fn.Rules(
        takes_detached=settings.detached,
        response_limit=round(settings.response_mb * 2**20),
        header_limit=settings.header_kb * 1024,
    )


def reachable(host: str) -> str:
    """The name under which a host that listens everywhere is reached from elsewhere."""
    return socket.gethostname() if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound


def user() -> str:
    """Name of the user whom processes run as, empty when it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""
