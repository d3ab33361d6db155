"""What a node does first after any end, kill -9 included: settle what was left open.

Runs whose worker is gone wait again or fail; copies that belong to nothing are removed.
"""

import shutil
from pathlib import Path

from darkroom.node.code_shelf import CodeShelf
from darkroom.node.disclose import Disclosure
from darkroom.node.run import Runner
from darkroom.node.store import NodeStore
from darkroom.policy.transitions import FINAL, OWNERS


def recover(
    *, store: NodeStore, runner: Runner, shelf: CodeShelf, disclosure: Disclosure, scratch: Path
) -> int:
    """Settle everything; the number of runs that had lost their worker."""
    lost = store.jobs("running")
    for record in lost:
        runner.interrupted(record.job_id, lost=True)
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700, parents=True)
    sweep(store=store, shelf=shelf, disclosure=disclosure)
    return len(lost)


def sweep(*, store: NodeStore, shelf: CodeShelf, disclosure: Disclosure) -> None:
    """Remove code and outputs that no open job and no waiting letter needs.

    Called where letters are taken in, so that no job is being admitted meanwhile.
    """
    with store.transaction():  # one moment: a release must not fall between the two looks
        paths = {path for out in store.outgoing() for path in out.files.values()}
        alive = store.jobs(*(state for state in OWNERS if state not in FINAL))
    shown = {parts[1] for path in paths if len(parts := Path(path).parts) > 1}
    shelf.sweep({record.code_digest for record in alive} | {f"sha256:{s}" for s in shown})
    disclosure.sweep({record.job_id for record in alive} | shown)
