"""What the owner says on their own account: policies and invitations."""

from collections.abc import Iterable
from typing import Any

from darkroom.errors import InputError, SpecError
from darkroom.model.budget import DAY
from darkroom.model.identity import PublicIdentity, require_name
from darkroom.model.reviews import Reviewer
from darkroom.model.site_policy import SitePolicy
from darkroom.model.statement import Statement
from darkroom.owner.believing import Believing
from darkroom.owner.mailroom import Mailroom
from darkroom.owner.store import OwnerStore
from darkroom.policy.consistency import require_consistent
from darkroom.ports import Clock, Keyring, Verifier
from darkroom.post import Invitation


MAX_INVITATION_DAYS = 30
POLICY_FACT = "policy"
REVIEWERS_FACT = "reviewers"  # fingerprint -> public identity, of everybody ever named


class Rules:
    """Signs policies and invitations for one domain."""

    def __init__(
        self,
        *,
        domain: PublicIdentity,
        gateway: str,
        store: OwnerStore,
        mailroom: Mailroom,
        keyring: Keyring,
        clock: Clock,
    ) -> None:
        self._domain = domain
        self._gateway = gateway
        self._store = store
        self._mailroom = mailroom
        self._keyring = keyring
        self._clock = clock
        mailroom.on_restored = self._send_again

    def _send_again(self) -> None:
        """A backup may know an older policy only: the domain gets the last one once more."""
        last = self.signed_policy()
        if last is None:
            return
        known = self._store.fact(REVIEWERS_FACT) or {}
        self._mailroom.queue(
            "owner.policy", {"policy": last.to_mapping(), "identities": list(known.values())}
        )

    def believing(self, verifier: Verifier) -> Believing:
        """The owner's word after a restore."""
        return Believing(
            domain=self._domain.name,
            store=self._store,
            mailroom=self._mailroom,
            keyring=self._keyring,
            verifier=verifier,
        )

    def signed_policy(self) -> Statement | None:
        """The policy that was signed last."""
        kept: dict[str, Any] | None = self._store.fact(POLICY_FACT)
        return Statement.from_mapping(kept) if kept else None

    def sign_policy(
        self, policy: SitePolicy, *, send: bool, identities: Iterable[PublicIdentity] = ()
    ) -> dict[str, Any]:
        """Sign a policy and, unless it goes by file, have it sent to the domain.

        The same policy again is the same statement; it may be sent again.

        Args:
            policy: the proposal.
            send: whether a letter goes to the domain.
            identities: of reviewers that it names, their signatures checked; those of
                reviewers who were named before are remembered.

        Returns:
            The body of the letter `owner.policy`: what a file for the domain holds, too.

        Raises:
            SpecError: it contradicts itself, is for another domain, its version does not
                rise, or it does not go with the identities.
        """
        require_consistent(policy)
        if policy.domain != self._domain.name:
            raise SpecError(
                f"this policy is for {policy.domain}, you own {self._domain.name}",
                next_step="sign it with the keys of its owner, or mend `domain:`",
            )
        last = self.signed_policy()
        statement = self._keyring.sign("policy", policy.to_mapping())
        if last is not None and last.body != statement.body:
            version = last.body["version"]
            if policy.version <= version:
                raise SpecError(
                    f"policy version {policy.version} does not rise above {version}, "
                    "which you signed before",
                    next_step=f"set `version: {version + 1}` in the file and sign again",
                )
        known = {**(self._store.fact(REVIEWERS_FACT) or {}), **self._given(policy, identities)}
        body = {
            "policy": statement.to_mapping(),
            "identities": [_identity_of(r, known) for r in policy.reviews.reviewers],
        }
        with self._store.transaction():
            self._store.set_fact(POLICY_FACT, statement.to_mapping())
            self._store.set_fact(REVIEWERS_FACT, known)
            if send:
                self._mailroom.queue("owner.policy", body)
        if send:
            self._mailroom.flush()
        return body

    def _given(
        self, policy: SitePolicy, identities: Iterable[PublicIdentity]
    ) -> dict[str, dict[str, Any]]:
        """Identities by fingerprint: each exactly one that the policy names."""
        ours = self._keyring.identity
        for index, reviewer in enumerate(policy.reviews.reviewers):
            if reviewer.name in (ours.name, self._domain.name):
                raise SpecError(
                    f"{reviewer.name} is you or your domain, and no reviewer beside you",
                    next_step="remove the entry: the owner reviews anyway",
                    where=("reviews", "reviewers", index),
                )
        named = {r.fingerprint: r.name for r in policy.reviews.reviewers}
        given = {}
        for identity in identities:
            if identity.role != "owner" or named.get(identity.fingerprint) != identity.name:
                raise SpecError(
                    f"the policy names no reviewer {identity.name} with the fingerprint "
                    f"{identity.fingerprint} of a data owner",
                    next_step="leave that identity out, or mend `reviewers:`",
                    where=("reviews", "reviewers"),
                )
            given[identity.fingerprint] = identity.to_mapping()
        return given

    def invite(self, scientist: str, *, days: float) -> Invitation:
        """Mint an invitation; the domain gets it sealed, the caller passes the line on.

        Raises:
            InputError: it would be valid for too long, or for no time.
        """
        require_name(scientist, "scientist")
        if not 0 < days <= MAX_INVITATION_DAYS:
            raise InputError(
                f"an invitation is valid for up to {MAX_INVITATION_DAYS} days",
                next_step="choose --days between 0 and 30",
            )
        invitation = Invitation.mint(
            gateway=self._gateway,
            domain=self._domain.name,
            domain_fingerprint=self._mailroom.domain_now().fingerprint,
            scientist=scientist,
            expires_at=float(int(self._clock.now() + days * DAY)),
        )
        statement = self._keyring.sign("invitation", invitation.to_body())
        with self._store.transaction():
            self._mailroom.queue("owner.invitation", {"invitation": statement.to_mapping()})
        self._mailroom.flush()
        return invitation


def _identity_of(reviewer: Reviewer, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if reviewer.fingerprint not in known:
        raise SpecError(
            f"the identity of the reviewer {reviewer.name} is not known here",
            next_step="sign again with --identity FILE, from their `darkroom owner show --public`",
            where=("reviews", "reviewers"),
        )
    return known[reviewer.fingerprint]
