"""The states of a job, who owns each, and which event each transition writes: tables.

The diagram in the docs is generated from these. `tests/policy/test_transitions.py` proves
that every state is reached and every path ends.
"""

from typing import Literal


State = Literal[
    "received", "screened", "approved", "running", "produced",
    "released", "rejected", "withheld", "failed", "cancelled",
]  # fmt: skip

# (from, to) -> the event it writes. `running -> approved` is a retry after a lost worker.
TRANSITIONS: dict[tuple[State, State], str] = {
    ("received", "screened"): "job-screened",
    ("received", "rejected"): "job-rejected",
    ("screened", "approved"): "job-approved",
    ("screened", "rejected"): "job-rejected",
    ("screened", "cancelled"): "job-cancelled",
    ("approved", "running"): "job-started",
    ("approved", "failed"): "job-failed",
    ("approved", "cancelled"): "job-cancelled",
    ("approved", "rejected"): "approval-void",
    ("running", "approved"): "job-interrupted",
    ("running", "produced"): "job-produced",
    ("running", "failed"): "job-failed",
    ("running", "cancelled"): "job-cancelled",
    ("running", "rejected"): "approval-void",
    ("produced", "released"): "output-released",
    ("produced", "withheld"): "output-withheld",
}

OWNERS: dict[State, Literal["node", "data owner", "nobody"]] = {
    "received": "node",
    "screened": "data owner",
    "approved": "node",
    "running": "node",
    "produced": "data owner",
    "released": "nobody",
    "rejected": "nobody",
    "withheld": "nobody",
    "failed": "nobody",
    "cancelled": "nobody",
}

FINAL: frozenset[State] = frozenset(s for s, o in OWNERS.items() if o == "nobody")
MAX_ATTEMPTS = 3  # the first run and at most two more after an interruption


def may_move(source: State, target: State) -> bool:
    """Whether the table has this transition."""
    return (source, target) in TRANSITIONS


def event_of(source: State, target: State) -> str:
    """The audit event of a transition.

    Raises:
        ValueError: when the table does not have it; a caller's bug.
    """
    if not may_move(source, target):
        raise ValueError(f"no transition {source} -> {target}")
    return TRANSITIONS[source, target]


def diagram() -> str:
    """The state diagram as Mermaid text."""
    lines = ["stateDiagram-v2", "    [*] --> received"]
    lines += [f"    {a} --> {b}: {event}" for (a, b), event in TRANSITIONS.items()]
    lines += [f"    {state} --> [*]" for state in OWNERS if state in FINAL]
    return "\n".join(lines)
