"""The settings: what they are called, what they may be, and what they are when nobody says.

1. Flags beat the environment, the environment beats the TOML file, the file beats the defaults.
2. Every key that is not named here is an error, and every number has bounds.
3. A setting is read once, at the start; nothing here changes afterwards. Only the files that
   settings name (tokens, certificates) are read again, at SIGHUP.
4. Durations end in `_s`, sizes in `_kb` or `_mb`; 0 means "no limit" where the line says so.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from protocol.addresses import Address, PortRange, Ports, SocketAddress

MEMORY = ":memory:"
"""The data directory that keeps nothing."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")]
"""A name that is safe as a file name and as a label."""
Amount = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
NUMBERS = (int, float)
Seconds = Annotated[float, Field(ge=0, le=365 * 86400, allow_inf_nan=False)]


class Section(BaseModel):
    """What all sections have in common: they are frozen and know their keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_truth(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation in NUMBERS:
            raise ValueError("must be a number")
        return value


class HostSettings(Section):
    """One host to place pods on; several may be declared on one machine."""

    name: Name
    cpu: Amount
    """Cores, fractions allowed."""
    memory_mb: Amount
    disk_mb: Amount = 0
    gpu: Amount = 0
    labels: dict[str, str] = {}
    ports: PortRange = Ports(31000, 31999)
    """Ports that pods are given when they ask for any, as `first-last`, both included."""
    engine: Literal["process", "simulated"] = "process"
    """`process` runs real processes of this machine, `simulated` only says that it does."""


class PelotonSettings(Section):
    """How pods of services are restarted."""

    restart_backoff_s: Seconds = 30
    """Pause before the first restart of a pod that ended by itself; each further one doubles it."""
    restart_backoff_max_s: Seconds = 3600
    """Longest pause before a restart."""


class FunctionSettings(Section):
    """One function image: what is run for it."""

    command: Annotated[tuple[str, ...], Field(min_length=1)]
    directory: Path | None = None
    environment: dict[str, str] = {}


class FnSettings(Section):
    """How functions are called."""

    blocking: bool = True
    detached: bool = True
    response_mb: Annotated[float, Field(ge=0, le=1024)] = 6
    """Largest response body; 0 for no limit."""
    header_kb: Annotated[int, Field(ge=1, le=1024)] = 64
    """Largest header of a request or response, all lines together."""
    freeze_after_ms: Annotated[int, Field(ge=0, le=86_400_000)] = 0
    """Idle time after which a function process is paused; 0 for never."""
    idle_eviction: bool = True
    """Idle function processes end when another function needs their place."""
    podman: bool = False
    """Images that no function is known for are run as containers, by podman."""
    functions: dict[str, FunctionSettings] = {}
    """By image."""


class ProcessorSettings(Section):
    """One quantum processor."""

    endpoints: Annotated[tuple[str, ...], Field(min_length=1)]
    max_qubits: Annotated[int, Field(ge=1, le=4096)] = 16


class RigettiSettings(Section):
    """How quantum jobs are queued and run."""

    plaintext_jobs: bool | None = None
    """Take jobs that are not encrypted. Unset: only when all addresses are loopback."""
    keys_file: Path | None = None
    """TOML file with the keys that encrypted jobs are opened with."""
    default_timeout_s: Annotated[float, Field(gt=0, le=365 * 86400)] = 60
    """How long a job without limit and estimate may hold its processor."""
    maximum_timeout_s: Annotated[float, Field(gt=0, le=365 * 86400)] = 3600
    """The longest limit that a job may ask for."""
    retention_s: Seconds = 86400
    """How long the result of a job is kept."""
    queue_capacity: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    """Jobs that may wait for one processor."""
    managed_settings: tuple[str, ...] = ("*",)
    """Settings of a processor that only the role `settings-admin` may change; `*` is every one."""
    result_wait_s: Seconds = 600
    """Longest time that a reader may wait for a result."""
    processors: dict[Name, ProcessorSettings] = {"local-1": ProcessorSettings(endpoints=("ep-1",))}

    @model_validator(mode="after")
    def _share_nothing(self) -> Self:
        owners: dict[str, str] = {}
        for name, processor in self.processors.items():
            for endpoint in processor.endpoints:
                if endpoint in owners:
                    raise ValueError(
                        f"processors.{name}.endpoints: {endpoint!r} must be given once "
                        f"({owners[endpoint]} has it)"
                    )
                owners[endpoint] = name
        return self


class AuthSettings(Section):
    """Who may call, and over what; the files are read again at SIGHUP."""

    tokens_file: Path | None = None
    """TOML file with `[tokens.NAME]` tables of `principal`, `roles` and `sha256` of the token.

    Two roles are asked for: `admin` to deploy functions, `settings-admin` to change managed settings of a
    processor. Whoever has a token may do everything else.
    """
    tls_cert: Path | None = None
    """Certificate chain of the server, PEM."""
    tls_key: Path | None = None
    client_ca: Path | None = None
    """Certificates that clients must be signed by, PEM; unset asks clients for none."""

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key must be given together")
        if self.client_ca is not None and self.tls_cert is None:
            raise ValueError("client_ca needs tls_cert and tls_key")
        return self


class LimitSettings(Section):
    """Bounds of what the server takes on; above them callers are told to come again later."""

    watchers: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """Watches at a time, for each kind of entity."""
    watch_buffer_kb: Annotated[int, Field(ge=16, le=1_048_576)] = 4096
    """What may wait for one slow watcher before its watch is ended."""
    mailbox: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    """Commands that may wait for one entity."""
    message_mb: Annotated[int, Field(ge=1, le=2047)] = 256
    """Largest message, in and out."""
    inflight_mb: Annotated[int, Field(ge=1, le=1_048_576)] = 1024
    """Requests held at a time over gRPC.

    Let in are one of any size, and those of a kilobyte; what still arrives is not counted.
    """
    instances_per_job: Annotated[int, Field(ge=1, le=1_000_000)] = 100_000
    log_mb: Annotated[int, Field(ge=0, le=1_048_576)] = 256
    """What a container's stdout or stderr may take on disk, looked at every few seconds; 0 for no bound."""


class RetentionSettings(Section):
    """How long the past is kept."""

    journal_days: Annotated[float, Field(ge=0, le=36500)] = 0
    """Age at which events may be compacted; 0 for never. Not looked at yet: everything is kept."""


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="POLYPLANE_",
        env_nested_delimiter="__",
        use_attribute_docstrings=True,
    )

    data: Annotated[str, Field(min_length=1)] = Field(
        default_factory=lambda: str(user_data_path("polyplane", appauthor=False))
    )
    """Data directory, made when it is missing; `:memory:` keeps nothing."""
    listen: Address = SocketAddress("127.0.0.1", 7700)
    """Where gRPC listens; port 0 is a free one."""
    http: Address = SocketAddress("127.0.0.1", 7780)
    """Where HTTP listens; port 0 is a free one.

    Without tokens, a loopback address answers only requests for `localhost` or an address: pages of other
    names could have theirs lead here.
    """
    config: Path | None = None
    """The TOML file that the other settings are read from."""
    insecure: bool = False
    """Allow addresses other than loopback without TLS and tokens."""
    hosts: tuple[HostSettings, ...] = ()
    """None means this machine, with its real capacity."""
    peloton: PelotonSettings = PelotonSettings()
    fn: FnSettings = FnSettings()
    rigetti: RigettiSettings = RigettiSettings()
    auth: AuthSettings = AuthSettings()
    limits: LimitSettings = LimitSettings()
    retention: RetentionSettings = RetentionSettings()

    @model_validator(mode="after")
    def _agree(self) -> Self:
        names = [host.name for host in self.hosts]
        for place, name in enumerate(names):
            if name in names[:place]:
                raise ValueError(f"hosts[{place}].name: must be unique (got {name!r} twice)")
        for key in ("listen", "http"):
            address: SocketAddress = getattr(self, key)
            if not (address.is_loopback or self.is_guarded or self.insecure):
                raise ValueError(
                    f"{key}: must be loopback unless TLS and tokens, or --insecure, are given (got {address})"
                )
        return self

    @property
    def is_in_memory(self) -> bool:
        """True when nothing is kept."""
        return self.data == MEMORY

    @property
    def is_guarded(self) -> bool:
        """True when callers are known by token and nobody can listen in."""
        return self.auth.tls_cert is not None and self.auth.tokens_file is not None

    @property
    def takes_plaintext_jobs(self) -> bool:
        """Whether quantum jobs may come unencrypted."""
        if self.rigetti.plaintext_jobs is not None:
            return self.rigetti.plaintext_jobs
        return self.listen.is_loopback and self.http.is_loopback

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what is given only: `load` merges the sources, so that it can tell where each came from."""
        return (init_settings,)
