"""The owner's policy in a notebook: read a proposal, compare it, sign it, see what was spent."""

from collections.abc import Callable, Sequence
from pathlib import Path

from darkroom.errors import SpecError
from darkroom.model.site_policy import SitePolicy
from darkroom.owner.desk import Desk, Shown
from darkroom.owner.policy_diff import diff_sheet
from darkroom.owner.policy_view import policy_sheet
from darkroom.owner.rules import Rules
from darkroom.owner.sheet import Section, Sheet
from darkroom.owner.wording import plural


class PolicyDesk:
    """What `darkroom policy` does, for notebook 11 (`darkroom.open_policy` puts it together)."""

    def __init__(
        self,
        *,
        desk: Desk,
        rules: Rules,
        read: Callable[[Path], SitePolicy],
        faults: Callable[[Path], Sequence[SpecError]],
        shown: Callable[[Sheet], Shown],
    ) -> None:
        """Put together.

        Args:
            desk: the owner's.
            rules: signs.
            read: a consistent proposal from a file.
            faults: everything that is wrong in a file.
            shown: a sheet as a notebook or a terminal shows it.
        """
        self._desk = desk
        self._rules = rules
        self._read = read
        self._faults = faults
        self._shown = shown

    @property
    def domain(self) -> str:
        """The name of the owner's domain."""
        return self._desk.domain.name

    @property
    def signed(self) -> SitePolicy | None:
        """The policy that was signed last; the only one that can be in force."""
        statement = self._rules.signed_policy()
        return SitePolicy.from_mapping(statement.body) if statement else None

    def show(self, file: str | Path | None = None) -> Shown:
        """A proposal, or the policy that was signed last, in plain words.

        Raises:
            SpecError: the file is no sound policy, or nothing was signed yet.
        """
        policy = self._read(Path(file)) if file is not None else self.signed
        if policy is None:
            raise SpecError(
                "no policy was signed: everything is refused", next_step="sign a policy.yaml"
            )
        return self._shown(policy_sheet(policy))

    def check(self, file: str | Path) -> Shown:
        """Everything that is wrong in a proposal, with file and line."""
        faults = self._faults(Path(file))
        return self._shown(
            Sheet(
                title=plural(len(faults), "fault") if faults else "The policy is sound",
                sections=(
                    Section(
                        heading="Faults",
                        columns=("what", "next"),
                        rows=tuple((fault.message, fault.next_step) for fault in faults),
                    ),
                )
                if faults
                else (),
            )
        )

    def diff(self, file: str | Path, against: str | Path | None = None) -> Shown:
        """What a proposal allows that was not allowed, and the other way round.

        Args:
            file: the proposal.
            against: another file; the policy that was signed last by default.
        """
        before = self._read(Path(against)) if against is not None else self.signed
        return self._shown(diff_sheet(before, self._read(Path(file))))

    def sign(self, file: str | Path) -> Shown:
        """Sign a proposal and send it to the domain; shows what it changes.

        Raises:
            SpecError: it is not sound, or its version does not rise.
        """
        shown = self.diff(file)
        self._rules.sign_policy(self._read(Path(file)), send=True)
        return shown

    def budgets(self) -> Shown:
        """What was spent and what is left, asked of the domain now."""
        return self._desk.budgets()
