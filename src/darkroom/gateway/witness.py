"""Heads of the domains' audit logs: kept, and never two that contradict without a trace.

The gateway sees how many entries a log has and when it grew, never what they say.
"""

from starlette.requests import Request
from starlette.responses import Response

from darkroom.errors import ForkError, SpecError, TrustError
from darkroom.gateway.answers import answer
from darkroom.gateway.bodies import Bodies, parse_json, require_field
from darkroom.gateway.gate import Gate
from darkroom.gateway.parameters import query_cursor
from darkroom.gateway.stores import DirectoryStore, HeadStore
from darkroom.gateway.threads import Threads
from darkroom.model.identity import PublicIdentity, require_name
from darkroom.model.merkle import HASH_BYTES, MAX_PROOF
from darkroom.model.statement import Statement
from darkroom.model.tree_head import KIND, TreeHead
from darkroom.policy.witness import Ruling, rule
from darkroom.ports import Clock, Verifier


PAGE = 256


class Witness:
    """Takes heads from their domains and shows them to everybody."""

    def __init__(
        self,
        *,
        gate: Gate,
        directory: DirectoryStore,
        store: HeadStore,
        verifier: Verifier,
        bodies: Bodies,
        threads: Threads,
        clock: Clock,
        json_bytes: int,
    ) -> None:
        self._gate = gate
        self._directory = directory
        self._store = store
        self._verifier = verifier
        self._bodies = bodies
        self._threads = threads
        self._clock = clock
        self._json_bytes = json_bytes

    async def put(self, request: Request) -> Response:
        """`PUT /v1/heads/{domain}`: by the domain itself, signed with its statement key."""
        caller = await self._gate.caller(request)
        domain = require_name(request.path_params["domain"], "domain")
        if caller != domain:
            raise TrustError("a domain shows heads of its own log only", next_step="sign your own")
        async with self._bodies.read(request, domain, limit=self._json_bytes) as data:
            body = parse_json(data)
        statement = Statement.from_mapping(require_field(body, "head", dict))
        since, proof = require_field(body, "since", int), _proof(require_field(body, "proof", list))
        identity = PublicIdentity.from_mapping(
            await self._threads.store(self._directory.identity, domain)
        )
        if identity.role != "domain":
            raise TrustError(
                f"{domain} is registered as {identity.role}; only domains have an audit log",
                next_step="show it with the domain's own keys",
            )
        said = await self._threads.store(self._verifier.check_statement, statement, KIND, identity)
        head = TreeHead.from_body(said)
        if head.domain != domain:
            raise TrustError("this is the head of another domain's log", next_step="sign your own")

        def judge(held: dict[str, object] | None) -> Ruling:
            return rule(TreeHead.from_body(held) if held else None, head, since, proof)

        ruling = await self._threads.store(
            self._store.judge, domain, statement.to_mapping(), judge, now=self._clock.now()
        )
        if ruling.fork:
            raise ForkError(
                f"the audit log of {domain} is not the one that was shown before: "
                f"{ruling.against}; both heads are kept",
                next_step="if a backup was restored, open a new epoch; else find out who "
                "changed the file",
            )
        if ruling.against:
            raise SpecError(
                f"the head was not taken: {ruling.against}",
                next_step="ask for the last head and prove from there",
            )
        return answer({})

    async def get(self, request: Request) -> Response:
        """`GET /v1/heads/{domain}?after=`: the last head, a page of all, and what was refused."""
        await self._gate.caller(request)
        domain = require_name(request.path_params["domain"], "domain")
        after = query_cursor(request, "after")
        last = await self._threads.store(self._store.last, domain)
        rows = await self._threads.store(self._store.heads, domain, after=after, limit=PAGE)
        forks = [] if after else await self._threads.store(self._store.forks, domain)
        return answer(
            {
                "last": last,
                "heads": [{"number": number, "statement": said} for number, said in rows],
                "forks": [{"held": held, "refused": refused} for held, refused in forks],
                "more": len(rows) == PAGE,
            }
        )


def _proof(value: list[object]) -> tuple[bytes, ...]:
    try:
        if len(value) > MAX_PROOF:
            raise ValueError
        steps = [bytes.fromhex(step) for step in value if isinstance(step, str)]
        if len(steps) != len(value) or any(len(step) != HASH_BYTES for step in steps):
            raise ValueError
    except ValueError:
        raise SpecError(
            "a proof is a short list of hashes in hex digits",
            next_step="compare it with docs/gateway.md",
        ) from None
    return tuple(steps)
