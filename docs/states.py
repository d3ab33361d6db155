"""Print docs/states.md from the tables of the policy: `python docs/states.py > docs/states.md`."""

from darkroom.policy.owner_word import DECISIONS
from darkroom.policy.transitions import MAX_ATTEMPTS, OWNERS, TRANSITIONS, diagram


PAGE = """\
# The states of a job

Written by `python docs/states.py > docs/states.md` from `darkroom.policy.transitions`
and `darkroom.policy.owner_word`; a test compares. The database of a node refuses every
other transition.

```mermaid
{diagram}
```

A run that loses its worker waits again; it is started at most {attempts} times.

| state | who moves it on |
|---|---|
{owners}

| from | to | event in the log |
|---|---|---|
{transitions}

| the owner's decision | on | needs the state | goes to |
|---|---|---|---|
{decisions}
"""


def page() -> str:
    """The whole page."""
    return PAGE.format(
        diagram=diagram(),
        attempts=MAX_ATTEMPTS,
        owners="\n".join(f"| {state} | {owner} |" for state, owner in OWNERS.items()),
        transitions="\n".join(
            f"| {source} | {target} | `{event}` |"
            for (source, target), event in TRANSITIONS.items()
        ),
        decisions="\n".join(
            f"| {verdict} | {subject} | {needed} | {target} |"
            for (subject, verdict), ways in DECISIONS.items()
            for needed, target in ways.items()
        ),
    )


if __name__ == "__main__":
    print(page(), end="")
