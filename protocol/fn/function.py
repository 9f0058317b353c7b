"""What is run for an image."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """What is run for an image."""

    command: tuple[str, ...] = ()
    directory: str = ""
    """Absolute; empty for the pod's own."""
    environment: tuple[tuple[str, str], ...] = ()
    """Under what calls configure."""
    owner: str = ""
    """Of the container that the image is run as; empty for one that a command stands for."""
    number: int = 0
    """How often it was deployed: processes of an earlier deployment do no more calls."""
