"""A letter that is decided on but not delivered yet: a row of an outbox.

Its id and time are fixed when the decision is committed, so that sending it again after a
crash is the same letter. Attachments are named files, read only when it is sent.
"""

from dataclasses import dataclass, field

from darkroom.model.letter import Letter


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One row.

    Attributes:
        letter: without attachments.
        files: attachment name -> path below the state folder.
        tries: how often sending it failed.
        not_before: when to try again, Unix seconds.
        problem: why it cannot be delivered at all; "" while there is hope.
    """

    letter: Letter
    files: dict[str, str] = field(default_factory=dict)
    tries: int = 0
    not_before: float = 0.0
    problem: str = ""
