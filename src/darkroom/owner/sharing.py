"""Who may use which dataset, one step at a time: each step is the next signed policy.

For owners who accept people and share datasets by hand, as in PySyft, instead of editing a
policy.yaml. What was said about people who have no grant yet is remembered here; what is
granted is in the policy alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from darkroom.errors import InputError, SpecError
from darkroom.model.identity import require_name
from darkroom.model.job import Tier
from darkroom.model.site_policy import Grant, SitePolicy
from darkroom.owner.hearsay import enrolled
from darkroom.owner.store import OwnerStore
from darkroom.policy.consistency import require_consistent


SHARING = "sharing"  # the fact
TIERS: tuple[Tier, ...] = ("mock", "reviewed")


def with_access(policy: SitePolicy, scientist: str, datasets: Sequence[str]) -> SitePolicy:
    """The same policy with these datasets granted to one more scientist, or to them as well."""
    wanted = tuple(dict.fromkeys(datasets))
    before = policy.grant_of(scientist)
    if not wanted:
        return policy
    if before is None:
        grant = Grant(scientist=scientist, datasets=wanted, tiers=TIERS)
        return replace(policy, grants=(*policy.grants, grant))
    # One grant has one list of tiers: widening it would widen what was granted before.
    new = tuple(d for d in wanted if d not in before.datasets)
    grant = replace(before, datasets=(*before.datasets, *new))
    return replace(policy, grants=tuple(grant if g is before else g for g in policy.grants))


def without_dataset(policy: SitePolicy, dataset: str) -> SitePolicy:
    """The same policy with a dataset taken out of every grant; grants without any are dropped."""
    kept = [
        replace(g, datasets=tuple(d for d in g.datasets if d != dataset))
        if g.datasets != (dataset,)
        else None
        for g in policy.grants
    ]
    return replace(policy, grants=tuple(g for g in kept if g is not None))


class Sharing:
    """Accepts scientists and shares datasets for one domain."""

    def __init__(
        self,
        *,
        domain: str,
        store: OwnerStore,
        signed: Callable[[], SitePolicy | None],
        sign: Callable[[SitePolicy], object],
        tell: Callable[[str], object],
    ) -> None:
        """Put together by `darkroom.bootstrap.pysyft_owner`.

        Args:
            domain: whose policy.
            store: the owner's.
            signed: the policy that was signed last.
            sign: signs the next one, sends it and shows what it changes.
            tell: where a sentence for a person goes.
        """
        self._domain = domain
        self._store = store
        self._signed = signed
        self._sign = sign
        self._tell = tell

    # ---------------------------------------------------------------------------- scientists

    def accepted(self) -> list[str]:
        """Those with a grant, and those who were accepted and wait for one."""
        policy = self._signed()
        granted = [g.scientist for g in policy.grants] if policy else []
        return sorted({*granted, *self._kept()["accepted"]})

    def requested(self) -> list[str]:
        """Those who enrolled, have nothing yet, and were not turned down."""
        others = {*self.accepted(), *self._kept()["rejected"]}
        return sorted(set(enrolled(self._store)) - others)

    def accept(self, name: str) -> None:
        """Grant a scientist the datasets that are meant for them.

        Raises:
            InputError: the domain does not know them.
            SpecError: the policy would not hold.
        """
        require_name(name, "scientist")
        if name not in enrolled(self._store) and name not in self.accepted():
            raise InputError(
                f"{name} is not enrolled at {self._domain}",
                next_step=f"invite them: `darkroom owner invite {name}`; they ask once they "
                "have used the invitation",
            )
        kept = self._kept()
        meant = [d for d, who in kept["datasets"].items() if who["any"] or name in who["names"]]
        policy = self._base()
        after = with_access(policy, name, meant)
        kept["rejected"] = [n for n in kept["rejected"] if n != name]
        if after != policy:
            self._next(policy, after)
        elif policy.grant_of(name) is None:
            kept["accepted"] = sorted({*kept["accepted"], name})
            self._tell(
                f"{name} is accepted and may use nothing yet: no dataset is shared with them. "
                f'Share one with client.share_dataset("DATASET", ["{name}@darkroom"])'
            )
        self._keep(kept)

    def turn_down(self, name: str) -> None:
        """Leave a scientist who asks without a grant."""
        kept = self._kept()
        kept["accepted"] = [n for n in kept["accepted"] if n != name]
        kept["rejected"] = sorted({*kept["rejected"], require_name(name, "scientist")})
        self._keep(kept)

    # ------------------------------------------------------------------------------ datasets

    def check(self, dataset: str, names: Sequence[str] | None) -> None:
        """Whether it could be shared like this.

        Raises:
            SpecError: the policy would not hold.
        """
        policy = self._base()
        require_consistent(self._granted(policy, dataset, names))

    def share(self, dataset: str, names: Sequence[str] | None) -> None:
        """Grant a dataset to those of these who are accepted, and mean it for the others.

        Args:
            dataset: its name.
            names: scientists; None: everybody who is accepted, now or later.

        Raises:
            SpecError: the policy would not hold.
        """
        policy = self._base()
        after = self._granted(policy, dataset, names)
        if after != policy:
            self._next(policy, after)
        kept = self._kept()
        meant = kept["datasets"].setdefault(dataset, {"any": False, "names": []})
        if names is None:
            meant["any"] = True
        else:
            meant["names"] = sorted({*meant["names"], *names})
        granted = {g.scientist for g in after.grants}
        kept["accepted"] = [n for n in kept["accepted"] if n not in granted]
        self._keep(kept)
        later = sorted(set(names or ()) - granted)
        if later:
            self._tell(
                f"{', '.join(later)} may use {dataset} once you have approved them as peers "
                "(client.approve_peer_request)"
            )

    def unshare(self, dataset: str) -> None:
        """Take a dataset away from everybody.

        Raises:
            SpecError: a rule or a budget of the policy names it, too.
        """
        policy = self._signed()
        if policy is not None and without_dataset(policy, dataset) != policy:
            self._next(policy, without_dataset(policy, dataset))
        kept = self._kept()
        kept["datasets"].pop(dataset, None)
        self._keep(kept)

    # ------------------------------------------------------------------------------- details

    def _granted(self, policy: SitePolicy, dataset: str, names: Sequence[str] | None) -> SitePolicy:
        require_name(dataset, "dataset")
        accepted = self.accepted()
        for name in accepted if names is None else [n for n in names if n in accepted]:
            policy = with_access(policy, name, [dataset])
        return policy

    def _base(self) -> SitePolicy:
        policy = self._signed()
        if policy is None:
            raise SpecError(
                f"no policy of {self._domain} is signed, so there is nothing to add a grant to",
                next_step="sign one first, with a budget: `darkroom policy sign policy.yaml`",
            )
        return policy

    def _next(self, before: SitePolicy, after: SitePolicy) -> None:
        self._sign(replace(after, version=before.version + 1))

    def _kept(self) -> dict[str, Any]:
        found = self._store.fact(SHARING) or {}
        return {"accepted": [], "rejected": [], "datasets": {}, **found}

    def _keep(self, kept: dict[str, Any]) -> None:
        self._store.set_fact(SHARING, kept)
