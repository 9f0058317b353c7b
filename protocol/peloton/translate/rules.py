"""What the server's settings say about jobs, as far as translation needs it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Bounds and defaults that come from the configuration."""

    instances_per_job: int = 100_000
    backoff_s: float = 30.0
    """Pause before the first restart of a pod that ended by itself."""
    backoff_max_s: float = 3600.0
    cluster: str = "local"
    """Name of the cluster, attached to every pod."""
    user: str = ""
    """Name of the user whom pods run as: the only one that a command may name."""
