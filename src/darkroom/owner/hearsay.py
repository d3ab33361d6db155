"""What the domain told in passing, kept for programs: who enrolled, which job has ended."""

from typing import Any

from darkroom.errors import DarkroomError
from darkroom.model.identity import NAME
from darkroom.model.job import JOB_ID
from darkroom.model.statement import Statement
from darkroom.model.tree_head import TreeHead
from darkroom.owner.store import OwnerStore


ENROLLED = "enrolled"  # the fact: name -> fingerprint
ENDED = "ended"  # the fact: job id -> [state, why], the latest last
BELIEVE = "believe"  # the fact: the signed head that the domain asks to be believed
RESTORED = "restored"  # in a notice of a domain that came back from a backup
MAX_ENROLLED = 10_000
MAX_ENDED = 500
MAX_TEXT = 300


def remember(store: OwnerStore, body: dict[str, Any]) -> None:
    """Keep what a notice says beside its text; anything else in it is left aside."""
    found = _texts(body.get(ENROLLED), "name", "fingerprint")
    if found and NAME.fullmatch(found[0]):
        _keep(store, ENROLLED, found[0], found[1], most=MAX_ENROLLED)
    found = _texts(body.get(ENDED), "job", "state", "why")
    if found and JOB_ID.fullmatch(found[0]):
        _keep(store, ENDED, found[0], found[1:], most=MAX_ENDED)
    if _is_head(body.get(BELIEVE)):
        store.set_fact(BELIEVE, body[BELIEVE])


def _is_head(value: object) -> bool:
    """Whether it has the form of a signed head; who signed it is looked at when it is used."""
    try:
        statement = Statement.from_mapping(value if isinstance(value, dict) else {})
        TreeHead.from_body(statement.body)
    except DarkroomError:
        return False
    return True


def enrolled(store: OwnerStore) -> dict[str, str]:
    """Name -> fingerprint of the scientists that the domain took in since we listen."""
    return dict(store.fact(ENROLLED) or {})


def ended(store: OwnerStore) -> dict[str, tuple[str, str]]:
    """Job id -> (state, why) of jobs that were approved and brought no outputs."""
    return {job: (state, why) for job, (state, why) in (store.fact(ENDED) or {}).items()}


def _texts(value: object, *names: str) -> list[str]:
    """The texts under these names, if these are all that there is."""
    if not isinstance(value, dict) or value.keys() != set(names):
        return []
    texts = [value[name] for name in names]
    return [t[:MAX_TEXT] for t in texts] if all(isinstance(t, str) for t in texts) else []


def _keep(store: OwnerStore, fact: str, key: str, value: object, *, most: int) -> None:
    kept = dict(store.fact(fact) or {})
    kept.pop(key, None)
    kept[key] = value
    store.set_fact(fact, dict(list(kept.items())[-most:]))
