"""The door: challenge, registration, login, and who is asking on every other path."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from darkroom.errors import SpecError, TrustError
from darkroom.gateway.answers import LoginNeededError, answer
from darkroom.gateway.bodies import Bodies, parse_json, require_field
from darkroom.gateway.rates import Rates
from darkroom.gateway.sessions import Sessions
from darkroom.gateway.stores import DirectoryStore
from darkroom.gateway.threads import Threads
from darkroom.model.address import normal_address
from darkroom.model.canonical import canonical
from darkroom.model.handover import MAX_LINKS, Handover, check_chain, follow, read_chain
from darkroom.model.identity import PublicIdentity, require_name
from darkroom.model.statement import Statement
from darkroom.ports import Clock, Verifier


LOGIN = "login"  # the statement kind; its body is {"gateway", "name", "nonce"}
CERTIFICATE_HEX_MAX = 256
CHAIN_BYTES = MAX_LINKS * (4 << 10)  # a link has about 2 KiB


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """Buckets for those we know and for those we do not."""

    known: Rates
    strangers: Rates


class Gate:
    """Lets in who proves a registered key."""

    def __init__(
        self,
        *,
        directory: DirectoryStore,
        verifier: Verifier,
        sessions: Sessions,
        rates: RateLimits,
        bodies: Bodies,
        threads: Threads,
        clock: Clock,
        addresses: frozenset[str],
        json_bytes: int,
    ) -> None:
        """Take the stores and `addresses`, the names under which clients may know us.

        A login names the address that the client dialled. Without this check, another
        gateway could pass our challenge on to its own client and log in here as them.
        """
        self._directory = directory
        self._verifier = verifier
        self._sessions = sessions
        self._rates = rates
        self._bodies = bodies
        self._threads = threads
        self._clock = clock
        self._addresses = addresses
        self._json_bytes = json_bytes

    async def caller(self, request: Request) -> str:
        """The name of the identity that asks.

        Raises:
            LoginNeededError: no valid token.
            TooFastError: more requests than the identity, or the address, may make.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            if scheme.lower() != "bearer" or not token:
                raise LoginNeededError
            session = self._sessions.session(token)
        except LoginNeededError:
            self._spend_stranger(request)
            raise
        self._rates.known.spend(session.name)
        held = await self._threads.store(self._directory.fingerprint, session.name)
        if held != session.fingerprint:  # the operator freed the name meanwhile
            raise LoginNeededError
        return session.name

    def _spend_stranger(self, request: Request) -> None:
        self._rates.strangers.spend(request.client.host if request.client else "")

    # ------------------------------------------------------------------------ endpoints

    async def challenge(self, request: Request) -> Response:
        """`POST /v1/challenge`: a nonce to sign."""
        self._spend_stranger(request)
        return answer(
            {
                "nonce": self._sessions.challenge(),
                "expires_in": self._sessions.nonce_seconds,
            }
        )

    async def register(self, request: Request) -> Response:
        """`POST /v1/register`: claim a name with a proof of its key; answers a token.

        A name that is held goes over to other keys along hand-overs from those that hold it.
        """
        self._spend_stranger(request)
        body = await self._json(request)
        identity = read_identity(require_field(body, "identity", dict))
        await self._threads.store(self._verifier.check_identity, identity)
        chain = read_handovers(body.get("handovers", []))
        await self._prove(body, identity)
        await self._threads.store(
            self._directory.claim,
            identity.name,
            identity.fingerprint,
            identity.role,
            identity.to_mapping(),
            handovers=[link.to_mapping() for link in chain],
            instead_of=await self._threads.store(self._predecessor, identity, chain),
            now=self._clock.now(),
        )
        return self._token(identity)

    def _predecessor(self, identity: PublicIdentity, chain: tuple[Handover, ...]) -> str:
        """The fingerprint that the name is held under, when the chain leads on from there."""
        if not chain:
            return ""
        if chain[-1].new != identity:
            raise TrustError(
                "the hand-overs of a registration lead to other keys",
                next_step="register with the keys that they lead to",
            )
        # It is kept and shown under this name, so no part of it may be anything else.
        check_chain(chain, check=self._verifier.check_statement)
        if self._directory.fingerprint(identity.name) in ("", identity.fingerprint):
            return ""
        held = PublicIdentity.from_mapping(self._directory.identity(identity.name))
        try:
            links = follow(held, chain, check=self._verifier.check_statement)
        except TrustError:
            links = ()  # a stranger under that name
        return held.fingerprint if links else ""

    async def login(self, request: Request) -> Response:
        """`POST /v1/login`: a signed challenge for a token."""
        self._spend_stranger(request)
        body = await self._json(request)
        name = require_name(require_field(body, "name", str), "identity")
        mapping = await self._threads.store(self._directory.identity, name)
        identity = PublicIdentity.from_mapping(mapping)
        await self._prove(body, identity)
        return self._token(identity)

    async def _json(self, request: Request) -> dict[str, Any]:
        payer = request.client.host if request.client else ""
        async with self._bodies.read(request, f"stranger {payer}", limit=self._json_bytes) as body:
            return parse_json(body)

    async def _prove(self, body: dict[str, Any], identity: PublicIdentity) -> None:
        statement = Statement.from_mapping(require_field(body, "statement", dict))
        nonce = require_field(statement.body, "nonce", str)
        self._sessions.require_open(nonce)
        said = await self._threads.store(self._verifier.check_statement, statement, LOGIN, identity)
        if said.get("name") != identity.name or set(said) != {
            "gateway",
            "name",
            "nonce",
        }:
            raise TrustError(
                "a login statement does not fit the identity it came with",
                next_step="upgrade the older side",
            )
        try:
            dialled = normal_address(require_field(said, "gateway", str))
        except SpecError:
            dialled = ""
        if dialled not in self._addresses:
            raise TrustError(
                "this gateway is not known under the address that the client dialled",
                next_step="dial one of its public addresses, or have the operator add"
                " this one with --public-url",
            )
        self._sessions.use(nonce)

    def _token(self, identity: PublicIdentity) -> Response:
        token = self._sessions.open(identity.name, identity.fingerprint)
        return answer({"token": token, "expires_in": self._sessions.token_seconds})


def read_identity(mapping: dict[str, Any]) -> PublicIdentity:
    """An identity of untrusted origin, its field types checked.

    Raises:
        SpecError: it is not well formed.
    """
    identity = PublicIdentity.from_mapping(mapping)
    well_formed = (
        isinstance(identity.bundle, dict)
        and isinstance(identity.certificate, str)
        and len(identity.certificate) <= CERTIFICATE_HEX_MAX
        and isinstance(identity.hosted, bool)
    )
    if not well_formed:
        raise SpecError(
            "a public identity has fields of the wrong type",
            next_step="export it again with `darkroom identity show`",
        )
    return identity


def read_handovers(value: Any) -> tuple[Handover, ...]:
    """The hand-overs of a registration, of untrusted origin: form and size are checked.

    Raises:
        SpecError: no list of a few hand-overs, or more bytes than those have.
    """
    chain = read_chain(value)
    size = sum(len(canonical(link.to_mapping())) for link in chain)
    if size > CHAIN_BYTES or any(len(link.new.certificate) > CERTIFICATE_HEX_MAX for link in chain):
        raise SpecError(
            "the hand-overs of a registration are larger than any that are written",
            next_step="register with the key file as `darkroom identity rotate` left it",
        )
    return chain
