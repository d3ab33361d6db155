"""A yes that is being signed while its sheet is printed. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """What is said already, where a sheet at the desk asks for it.

    Such a sheet has nothing left to decide, and is about one request even if others share its
    digest.

    Attributes:
        name: what the person who signs calls the job.
        look: the command that shows what a short form leaves out.
        reason: theirs.
        with_log: of a release: the log leaves, too.
    """

    name: str
    look: str
    reason: str = ""
    with_log: bool = False
