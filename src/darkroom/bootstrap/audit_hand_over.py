"""What an auditor is given of a running system, each part by whom it belongs to."""

import shutil
from pathlib import Path

from darkroom.bootstrap.audit_desk import HEADS, IDENTITIES, LOG, RECEIPTS
from darkroom.bootstrap.local_stack import LocalStack


def hand_over(stack: LocalStack, domain: str, scientist: str, folder: Path) -> None:
    """Fill an auditor's folder with the commands that the domain, the witness and people use."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / IDENTITIES).mkdir(parents=True)
    plan = stack.plan
    stack.command("receipt", "export", folder / RECEIPTS, home=plan.home(scientist))
    stack.command("audit", "heads", "--gateway", stack.gateway, "--domain", domain,
                  "--keys", plan.home(scientist), folder / HEADS)  # fmt: skip
    # The log last: of a domain at work, an older one would miss what others already vouch for.
    stack.command("audit", "export", "--state", plan.node_state(domain), folder / LOG)
    for each in plan.domains:
        states = (plan.node_state(each.name), plan.owner_state(each.name))
        for name, state in zip((each.name, f"{each.name}-owner"), states, strict=True):
            public = stack.command(
                "identity", "show", state / "keys.json", "--public", "--handovers"
            )
            (folder / IDENTITIES / f"{name}.json").write_text(public)
