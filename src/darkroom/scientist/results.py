"""Verified results, by domain and output. What is not verified is not here."""

import warnings
from collections.abc import ItemsView, Mapping, ValuesView
from typing import TYPE_CHECKING, Any

from darkroom.errors import DarkroomError, DeniedError, InputError, JobFailedError, TrustError
from darkroom.model.amount import Amount
from darkroom.model.dsse import read_envelope
from darkroom.model.job import JobRequest
from darkroom.model.receipt import read_receipt
from darkroom.model.submitted import JobRow, ResultRow, StaleRow
from darkroom.scientist.advice import after_rejection
from darkroom.scientist.named import Named, unknown
from darkroom.scientist.outputs import ReleasedModel, read_log, read_output
from darkroom.scientist.shown import Renderer, Shown
from darkroom.scientist.stale_words import reason_of, replacement_of, tags_of


if TYPE_CHECKING:
    import pandas as pd


class StaleWarning(UserWarning):
    """A result was used whose footage was forgotten since."""


class DomainResult(Shown, Named[Any]):
    """What one domain released for one job, by output.

    Attributes:
        domain: who released it.
        request: what was asked for.
        release: the signed statement, as a mapping.
        receipt: who asked, who allowed it and the proof of the domain's log, as it signed them;
            None from a domain that sends none.
        facts: coarse facts of the run: seconds, workers, frames, interpreter.
        log: what the job printed, or None when the owner kept it.
        bytes_out: how many bytes left the domain.
        stale: why nobody should build on it any more; "" while it is good.
        replaced_by: the dataset version to run it on instead; "" where nobody says.
    """

    def __init__(
        self,
        request: JobRequest,
        row: ResultRow,
        *,
        stale: StaleRow | None = None,
        renderer: Renderer,
    ) -> None:
        raw = dict(row.outputs)
        log = raw.pop("log", None)
        declared = request.spec.outputs
        values = {
            name: read_output(name, declared[name], data, domain=request.audience)
            for name, data in raw.items()
        }
        super().__init__("output", values)
        self._renderer = renderer
        self.domain = request.audience
        self.request = request
        self.release: dict[str, Any] = row.release
        self.receipt = read_receipt(read_envelope(row.receipt)) if row.receipt else None
        self.facts: dict[str, Any] = dict(row.release["body"]["facts"])
        self.log = read_log(log) if log is not None else None
        self.bytes_out = sum(map(len, row.outputs.values()))
        self.raw: Mapping[str, bytes] = row.outputs
        self.stale = reason_of(stale) if stale else ""
        self.stale_tags = tags_of(stale) if stale else {}
        self.replaced_by = replacement_of(stale) if stale else ""

    @property
    def approved_by(self) -> str:
        """Who approved the run: `rule NAME`, or the people: `olga, carol`."""
        return str(self.release["body"]["approved_by"])

    @property
    def released_by(self) -> str:
        """Who let the outputs leave: `rule NAME`, or the people."""
        return str(self.release["body"]["released_by"])

    @property
    def price(self) -> Amount | None:
        """What the domain charged for it; None for a result from before there were prices."""
        said = self.release["body"].get("price")
        return Amount.from_mapping(said) if said is not None else None

    @property
    def models(self) -> dict[str, ReleasedModel]:
        """The outputs that are models."""
        return {n: v for n, v in self.items() if isinstance(v, ReleasedModel)}


class Results(Shown, Named[DomainResult]):
    """The results of a submission, by domain (or `domain/dataset`)."""

    def __init__(
        self,
        results: dict[str, DomainResult],
        *,
        others: dict[str, JobRow],
        renderer: Renderer,
    ) -> None:
        super().__init__("result", results)
        self._others = others
        self._renderer = renderer

    def __getitem__(self, name: str) -> DomainResult:
        """The result of one domain.

        Raises:
            DeniedError: the owner rejected the job or withheld its outputs.
            JobFailedError: it failed, was cancelled, or is not finished.
            TrustError: a result came that does not verify.
            UnknownNameError: that domain was not asked.
        """
        if name not in self and name in self._others:
            raise why_no_result(name, self._others[name])
        if name not in self:
            raise unknown("result", name, [*self, *self._others])
        found = super().__getitem__(name)
        if found.stale:
            warnings.warn(
                f"the result of {name} is stale: {found.stale}. Run it on the newest version "
                "with submission.again()",
                StaleWarning,
                stacklevel=2,
            )
        return found

    def items(self) -> ItemsView[str, DomainResult]:
        """All of them, without a word about those that are stale."""
        return self._items.items()

    def values(self) -> ValuesView[DomainResult]:
        """As `items`."""
        return self._items.values()

    def missing(self) -> dict[str, str]:
        """Why the other domains of the submission have no result here, in words."""
        return {n: why_no_result(n, row).message for n, row in self._others.items()}

    def table(self, output: str) -> "pd.DataFrame":
        """One table output of all domains, joined, with a column `domain` in front.

        Raises:
            InputError: no result has a table of that name.
        """
        import pandas as pd

        frames = []
        for label, result in self.items():
            value = result[output]
            if isinstance(value, dict):  # scalars: one row a domain
                value = pd.DataFrame([value])
            if not isinstance(value, pd.DataFrame):
                raise InputError(
                    f"the output {output} is not a table",
                    next_step="see .models for models",
                )
            joined = value.copy()
            joined.insert(0, "domain" if "domain" not in joined else "domain_name", label)
            frames.append(joined)
        if not frames:
            raise InputError(
                f"no domain has released {output} yet",
                next_step="call .wait(), or look at the submission for what it waits for",
            )
        return pd.concat(frames, ignore_index=True)

    @property
    def models(self) -> dict[str, dict[str, ReleasedModel]]:
        """Released models by domain and output."""
        return {label: result.models for label, result in self.items() if result.models}


def why_no_result(label: str, row: JobRow) -> DarkroomError:
    """The error that says why a job has no result (yet)."""
    said = "; ".join(row.reasons)
    because = f": {said}" if said else ""
    if row.problem:
        return TrustError(
            f"the result of {label} does not verify: {row.problem}",
            next_step="it is put aside; ask the domain's owner about it",
        )
    match row.state:
        case "rejected":
            return DeniedError(
                f"{label} rejected the job{because}",
                next_step=after_rejection(row.reasons),
            )
        case "withheld":
            return DeniedError(
                f"the owner of {label} withheld the outputs{because}",
                next_step="ask for less detail, or talk to the owner",
            )
        case "failed":
            return JobFailedError(
                f"the job failed at {label}{because}",
                next_step="try it on mock with the same parameters, then submit again",
            )
        case "cancelled":
            return JobFailedError(f"the job at {label} was cancelled", next_step="submit it again")
        case _:
            return JobFailedError(
                f"the job at {label} is not finished ({row.state})",
                next_step="call .wait(); the submission says whom it waits for",
            )
