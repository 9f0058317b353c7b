"""Why a quantum job is refused, or why its programme failed: sentences for whoever sent it.

1. The text of either is meant for the submitter; nothing secret stands in it.
"""


class JobRefused(Exception):  # noqa: N818 a refusal is no error of ours
    """The job cannot be accepted as it is: nothing of it was run."""


class ProgramFailed(Exception):  # noqa: N818 as above
    """The programme went wrong while it ran, by its own fault."""
