"""Heads of audit logs, shown to the gateway and asked of it."""

from collections.abc import Callable, Sequence
from typing import Any

from darkroom.adapters.http.answers import field, statement_of, strange_answer
from darkroom.adapters.http.wire import Ask
from darkroom.model.statement import Statement


MAX_PAGES = 10_000
Exchange = Callable[[Ask], dict[str, Any]]


def put_head(
    ask: Exchange, path: str, head: Statement, *, since: int, proof: Sequence[bytes]
) -> None:
    """Show a head; see `Relay.witness`."""
    body = {
        "head": head.to_mapping(),
        "since": since,
        "proof": [step.hex() for step in proof],
    }
    ask(Ask("PUT", path, json=body))


def last_head(ask: Exchange, path: str) -> Statement | None:
    """The last head that was shown; None: none."""
    # Past every head: the answer carries the last one in any case.
    page = ask(Ask("GET", path, params={"after": str(10**17)}))
    last = page.get("last")
    return None if last is None else statement_of({"statement": last})


def all_heads(ask: Exchange, path: str) -> list[Statement]:
    """Every head that is kept, oldest first."""
    found: list[Statement] = []
    after = 0
    for _ in range(MAX_PAGES):
        page = ask(Ask("GET", path, params={"after": str(after)}))
        for item in field(page, "heads", list):
            found.append(statement_of(item))
            number = field(item, "number", int)
            if number <= after:
                raise strange_answer()
            after = number
        if not field(page, "more", bool):
            return found
    raise strange_answer()


def all_forks(ask: Exchange, path: str) -> list[tuple[Statement, Statement]]:
    """Every head that was refused, after the one that was held."""
    found = []
    for item in field(ask(Ask("GET", path)), "forks", list):
        if not isinstance(item, dict):
            raise strange_answer()
        held, refused = (statement_of({"statement": item.get(w)}) for w in ("held", "refused"))
        found.append((held, refused))
    return found
