"""Identities, domain profiles and dataset cards. Kept as they came; readers verify."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from darkroom.errors import SpecError, TrustError
from darkroom.gateway.answers import answer
from darkroom.gateway.bodies import Bodies, parse_json, require_field
from darkroom.gateway.gate import Gate
from darkroom.gateway.stores import DirectoryStore
from darkroom.gateway.threads import Threads
from darkroom.model.dataset import DatasetCard
from darkroom.model.identity import PublicIdentity, require_name
from darkroom.model.statement import Statement
from darkroom.ports import Verifier


PAGE = 24


class Directory:
    """What everybody at this gateway may know about one another."""

    def __init__(
        self,
        *,
        gate: Gate,
        store: DirectoryStore,
        verifier: Verifier,
        bodies: Bodies,
        threads: Threads,
        json_bytes: int,
    ) -> None:
        self._gate = gate
        self._store = store
        self._verifier = verifier
        self._bodies = bodies
        self._threads = threads
        self._json_bytes = json_bytes

    async def identity(self, request: Request) -> Response:
        """`GET /v1/identities/{name}`."""
        await self._gate.caller(request)
        name = require_name(request.path_params["name"], "identity")
        mapping = await self._threads.store(self._store.identity, name)
        return answer({"identity": mapping})

    async def handovers(self, request: Request) -> Response:
        """`GET /v1/handovers/{name}`: how a name came by its keys; readers verify."""
        await self._gate.caller(request)
        name = require_name(request.path_params["name"], "identity")
        return answer({"handovers": await self._threads.store(self._store.handovers, name)})

    async def put_profile(self, request: Request) -> Response:
        """`PUT /v1/profile`: by the domain itself, signed with its statement key."""
        domain = await self._gate.caller(request)
        statement, body = await self._signed(request, domain, "profile")
        if require_field(body, "domain", str) != domain:
            raise TrustError("a domain publishes its own profile only", next_step="sign your own")
        await self._threads.store(self._store.put_profile, domain, statement.to_mapping())
        return answer({})

    async def profiles(self, request: Request) -> Response:
        """`GET /v1/profiles?after=`: a page of profiles."""
        await self._gate.caller(request)
        rows = await self._threads.store(
            self._store.profiles,
            after=request.query_params.get("after", ""),
            limit=PAGE,
        )
        return answer(
            {
                "profiles": [{"domain": d, "statement": s} for d, s in rows],
                "more": len(rows) == PAGE,
            }
        )

    async def put_card(self, request: Request) -> Response:
        """`PUT /v1/card`: by the domain itself, signed with its statement key."""
        domain = await self._gate.caller(request)
        statement, body = await self._signed(request, domain, "card")
        try:
            card = DatasetCard.from_mapping(body)
        except (ValueError, AttributeError) as error:
            raise SpecError(
                "a dataset card is not well formed", next_step="publish it again"
            ) from error
        if card.domain != domain:
            raise TrustError("a domain publishes its own cards only", next_step="sign your own")
        await self._threads.store(self._store.put_card, domain, card.name, statement.to_mapping())
        return answer({})

    async def cards(self, request: Request) -> Response:
        """`GET /v1/cards/{domain}?after=`: a page of a domain's cards."""
        await self._gate.caller(request)
        domain = require_name(request.path_params["domain"], "domain")
        await self._threads.store(self._store.identity, domain)  # unknown is an error
        rows = await self._threads.store(
            self._store.cards,
            domain,
            after=request.query_params.get("after", ""),
            limit=PAGE,
        )
        return answer(
            {
                "cards": [{"dataset": d, "statement": s} for d, s in rows],
                "more": len(rows) == PAGE,
            }
        )

    async def _signed(
        self, request: Request, domain: str, kind: str
    ) -> tuple[Statement, dict[str, Any]]:
        async with self._bodies.read(request, domain, limit=self._json_bytes) as data:
            statement = Statement.from_mapping(parse_json(data))
        mapping = await self._threads.store(self._store.identity, domain)
        identity = PublicIdentity.from_mapping(mapping)
        if identity.role != "domain":
            raise TrustError(
                f"{domain} is registered as {identity.role}; only domains publish this",
                next_step="publish with the domain's own keys",
            )
        body = await self._threads.store(self._verifier.check_statement, statement, kind, identity)
        return statement, body
