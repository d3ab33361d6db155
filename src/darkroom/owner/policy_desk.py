"""The owner's policy: read a proposal, compare it, sign it, see what was spent.

What `darkroom policy` types out and notebook 11 shows; both sign here.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from darkroom.errors import SpecError
from darkroom.model.identity import PublicIdentity
from darkroom.model.site_policy import SitePolicy
from darkroom.owner.desk import Desk, Shown
from darkroom.owner.policy_diff import diff_sheet
from darkroom.owner.policy_view import policy_sheet
from darkroom.owner.replay_view import Replay, replay_sheet
from darkroom.owner.rules import Rules
from darkroom.owner.sheet import Section, Sheet
from darkroom.owner.wording import plural
from darkroom.policy.consistency import UnsoundPolicyError


class PolicyDesk:
    """What `darkroom policy` does, also for notebook 11."""

    def __init__(
        self,
        *,
        desk: Desk,
        rules: Rules,
        read: Callable[[Path], SitePolicy],
        sound: Callable[[Path, Path | None], SitePolicy],
        identity: Callable[[Path], PublicIdentity],
        replayed: Callable[[Path], Replay],
        shown: Callable[[Sheet, tuple[str, ...]], Shown],
    ) -> None:
        """Put together (`darkroom.bootstrap.owner.policy_desk` does).

        Args:
            desk: the owner's.
            rules: signs.
            read: a policy from a file, to look at or to compare with.
            sound: a policy that may be signed, held against a domain.yaml.
            identity: of a reviewer, from a file, its signatures checked.
            replayed: the owner's past jobs, screened against a proposal.
            shown: a sheet, and what it lists, as a notebook or a terminal shows it.
        """
        self._desk = desk
        self._rules = rules
        self._read = read
        self._sound = sound
        self._identity = identity
        self._replayed = replayed
        self._shown = shown

    @property
    def domain(self) -> str:
        """The name of the owner's domain."""
        return self._desk.domain.name

    @property
    def signed(self) -> SitePolicy | None:
        """The policy that was signed last; the only one that can be in force.

        None as well when it has an older form: the domain takes that no more.
        """
        return self._last()[0]

    @property
    def outdated(self) -> str:
        """Why the policy that was signed last is in force no more, or ""."""
        return self._last()[1]

    def show(self, file: str | Path | None = None) -> Shown:
        """A proposal, or the policy that was signed last, in plain words.

        Raises:
            SpecError: the file is no policy or contradicts itself, or nothing was signed yet.
        """
        policy = self._read(Path(file)) if file is not None else self.signed
        if policy is None:
            raise SpecError(
                "no policy was signed: everything is refused", next_step="sign a policy.yaml"
            )
        return self._shown(policy_sheet(policy), ())

    def check(self, file: str | Path, domain_yaml: str | Path | None = None) -> Shown:
        """Everything that is wrong in a proposal, with file and line; it lists the faults.

        Args:
            file: the proposal.
            domain_yaml: names are held against it; by default the one beside the proposal.
        """
        try:
            self._sound(Path(file), _path(domain_yaml))
        except UnsoundPolicyError as error:
            faults = error.faults
        else:
            return self._shown(Sheet(title="The policy is sound"), ())
        section = Section(
            heading="Faults",
            columns=("what", "next"),
            rows=tuple((fault.message, fault.next_step) for fault in faults),
        )
        return self._shown(
            Sheet(title=plural(len(faults), "fault"), sections=(section,)),
            tuple(fault.message for fault in faults),
        )

    def diff(self, file: str | Path, against: str | Path | None = None) -> Shown:
        """What a proposal allows that was not allowed, and the other way round.

        Args:
            file: the proposal.
            against: another file; the policy that was signed last by default.

        Raises:
            SpecError: a file is no policy, or they are of two domains.
        """
        before = self._read(Path(against)) if against is not None else self.signed
        return self._difference(before, self._read(Path(file)), str(file))

    def replay(self, file: str | Path, *, everything: bool = False) -> Shown:
        """What a proposal would have decided about the jobs that you were asked about.

        Args:
            file: the proposal.
            everything: also jobs that would have gone the same way.

        Raises:
            SpecError: the file is no policy.
            InputError: it is another domain's.
        """
        replayed = self._replayed(Path(file))
        changed = tuple(row.past.request.job_id for row in replayed.rows if row.turn != "same")
        return self._shown(replay_sheet(replayed, everything=everything), changed)

    def sign(
        self,
        file: str | Path,
        domain_yaml: str | Path | None = None,
        *,
        identities: Iterable[str | Path] = (),
        out: Callable[[dict[str, Any]], object] | None = None,
    ) -> Shown:
        """Sign a proposal and send it to the domain; shows what it changes.

        Args:
            file: the proposal.
            domain_yaml: names are held against it; by default the one beside the proposal.
            identities: files with the public identities of reviewers that it names; needed
                the first time.
            out: takes the signed policy, which then is not sent.

        Raises:
            UnsoundPolicyError: something is wrong with it.
            SpecError: its version does not rise, or the identities do not go with it.
        """
        proposal = self._sound(Path(file), _path(domain_yaml))
        shown = self._difference(self.signed, proposal, str(file))
        body = self._rules.sign_policy(
            proposal,
            send=out is None,
            identities=[self._identity(Path(path)) for path in identities],
        )
        if out is not None:
            out(body)
        return shown

    def budgets(self) -> Shown:
        """What was spent and what is left, asked of the domain now."""
        return self._desk.budgets()

    def _difference(self, before: SitePolicy | None, after: SitePolicy, name: str) -> Shown:
        if before is not None and before.domain != after.domain:
            raise SpecError(
                f"{name} is for {after.domain}, the other policy for {before.domain}",
                next_step="compare two policies of one domain",
            )
        return self._shown(diff_sheet(before, after), ())

    def _last(self) -> tuple[SitePolicy | None, str]:
        statement = self._rules.signed_policy()
        try:
            return (SitePolicy.from_mapping(statement.body) if statement else None), ""
        except SpecError as error:
            return None, error.message


def _path(path: str | Path | None) -> Path | None:
    return Path(path) if path is not None else None
