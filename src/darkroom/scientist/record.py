"""What the run log keeps about a submission: a parent run, a child for each domain."""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from darkroom.errors import InputError
from darkroom.model.amount import NOTHING, UNITS
from darkroom.model.canonical import canonical, digest
from darkroom.model.correlation import correlation_of
from darkroom.model.dsse import envelope_bytes
from darkroom.model.identity import require_name
from darkroom.model.receipt import Receipt
from darkroom.model.submitted import SubmissionRow
from darkroom.policy.price import FREE_TIERS
from darkroom.run_log import RunRecord
from darkroom.scientist.outputs import ReleasedModel
from darkroom.scientist.results import DomainResult, Results
from darkroom.scientist.shown import Renderer, Shown


Metrics = Mapping[str, Mapping[str, float | Sequence[float]]]


class Recorded(Shown):
    """Where a submission is written down.

    Attributes:
        key: what it is stored under; the same submission always has the same.
        address: of the parent run, for a browser; "" while it waits.
        privacy: the run's tag: what protected what left, and who released it.
    """

    def __init__(self, *, key: str, address: str, privacy: str, renderer: Renderer) -> None:
        self.key = key
        self.address = address
        self.privacy = privacy
        self._renderer = renderer


def build_record(
    submission: SubmissionRow,
    results: Results,
    *,
    name: str,
    description: str,
    metrics: Metrics,
    plots: Mapping[str, Any],
    model: ReleasedModel | None,
    model_input: tuple[int, ...] | None,
    register: str = "",
) -> RunRecord:
    """The record of a submission.

    Raises:
        InputError: there is no result yet, or a metric names a domain without one.
    """
    if not results:
        raise InputError(
            f"the submission {submission.id} has no result to record",
            next_step="call .wait() first",
        )
    for domain in metrics:
        if domain not in results:
            raise InputError(
                f"metrics are given for {domain}, which has released nothing",
                next_step=f"use one of: {', '.join(results)}",
            )
    if register:
        require_name(register, "registered model")
        if model is None:
            raise InputError(
                "there is no model to register", next_step="pass model=, one of submission.models"
            )
    maker = next((r for r in results.values() if model in r.models.values()), None)
    if model is not None and maker is None:
        raise InputError(
            f"the model {model.name} was not released in this submission",
            next_step="pass one of submission.models",
        )
    key = record_key(submission.id)
    where = ", ".join(results)
    children = tuple(
        _child(f"{key}-{label}", submission, label, result, metrics.get(label, {}))
        for label, result in results.items()
    )
    stale = {name: tag for r in results.values() for name, tag in r.stale_tags.items()}
    tags = (
        _tags(submission)
        | stale
        | {
            "privacy": _privacy(results.values()),
            "domains": where,
            "bytes_out": str(sum(r.bytes_out for r in results.values())),
        }
    )
    return RunRecord(
        key=key,
        name=name or f"{submission.name} · {where}",
        description=description or _description(submission, results),
        experiment=submission.project,
        tags=tags,
        params=dict(children[0].params),
        inputs={name: given for child in children for name, given in child.inputs.items()},
        metrics={
            f"{label}/{name}": values[-1:]  # side by side; the curves are with the children
            for label, child in zip(results, children, strict=True)
            for name, values in child.metrics.items()
        },
        files={f"plots/{n}": _png(p) for n, p in plots.items()},
        model=_model(model, model_input, maker, register) if model and maker else None,
        children=children,
    )


def record_key(submission_id: str) -> str:
    """What the record of a submission is stored under."""
    return digest({"submission": submission_id}).removeprefix("sha256:")[:32]


def _child(
    key: str,
    submission: SubmissionRow,
    label: str,
    result: DomainResult,
    metrics: Mapping[str, float | Sequence[float]],
) -> RunRecord:
    request = result.request
    receipt = result.receipt
    files = (
        {"receipt.json": envelope_bytes(receipt.statement)}
        if receipt
        else {"release.json": canonical(result.release)}
    )
    own: dict[str, tuple[float, ...]] = {}
    for output, data in result.raw.items():
        value: Any = result.get(output)
        if isinstance(value, dict):
            own |= {n: (float(v),) for n, v in value.items()}
        if output == "log":
            files["log.txt"] = data
        elif isinstance(value, ReleasedModel):
            files[f"models/{output}.{value.format}"] = data
        else:
            files[f"released/{output}.json"] = data  # the very bytes that the receipt names
            if hasattr(value, "columns"):
                shown = {"columns": list(value.columns), "data": value.values.tolist()}
                files[f"tables/{output}.json"] = json.dumps(shown).encode()
    for name, value in metrics.items():
        numbers = value if isinstance(value, Sequence) else (value,)
        own[name] = tuple(float(v) for v in numbers)
    facts = {f"fact.{n}": str(v) for n, v in result.facts.items()}
    price = result.price or NOTHING
    facts |= {f"price.{unit}": str(n) for unit in UNITS if (n := getattr(price, unit))}
    tags = (
        _tags(submission)
        | facts
        | (receipt_tags(receipt) if receipt else {})
        | result.stale_tags
        | {
            "privacy": _protection(result),
            "domain": request.audience,
            "dataset": f"{request.audience}/{request.dataset}",
            "dataset_version": request.dataset_version,
            "code_digest": request.spec.code_digest,
            "job_digest": request.job_digest,
            "correlation": correlation_of(request.job_id),
            "environment": f"{request.spec.environment.name}@{request.spec.environment.lock_hash}",
            "approved_by": result.approved_by,
            "released_by": result.released_by,
            "tier": request.spec.tier,
            "bytes_out": str(result.bytes_out),
        }
    )
    return RunRecord(
        key=key,
        name=f"{submission.name} · {label}",
        description=(
            f"`{submission.name}` on `{request.audience}/{request.dataset}`, approved by "
            f"{result.approved_by}, released by {result.released_by}. "
            f"`{next(iter(files))}` is signed by the domain."
        ),
        experiment=submission.project,
        tags=tags,
        params={n: str(v) for n, v in request.parameters.items()},
        inputs={
            f"{request.audience}/{request.dataset}": (
                request.dataset_version,
                f"{request.audience}/{'mock' if request.spec.tier in FREE_TIERS else 'private'}",
            )
        },
        metrics=own,
        files=files,
    )


def receipt_tags(receipt: Receipt) -> dict[str, str]:
    """What a run, or a version of a model, says of the receipt that it comes from."""
    head = receipt.proof.tree_head
    return {
        "receipt": receipt.digest,
        "receipt.domain": head.domain,
        "receipt.entry": str(receipt.proof.entry.number),
        "receipt.epoch": str(head.epoch),
        "receipt.head_size": str(head.size),
        "receipt.head_root": head.root,
    }


def _tags(submission: SubmissionRow) -> dict[str, str]:
    first = submission.jobs[0].request
    return {
        "submission": submission.id,
        "job": submission.name,
        "project": submission.project,
        "submitter": first.submitter,
        "submitter_fingerprint": first.submitter_fingerprint,
    }


def _privacy(results: Any) -> str:  # noqa: ANN401  # the values of a mapping
    said = dict.fromkeys(f"{_protection(r)} ({r.domain})" for r in results)
    return ", ".join(said)


def _protection(result: DomainResult) -> str:
    """What protected what left."""
    if result.request.spec.tier in FREE_TIERS:
        return "nothing private: generated footage"
    return f"none, released by {result.released_by}"


def _description(submission: SubmissionRow, results: Results) -> str:
    lines = [f"**{submission.name}** on {len(results)} of {len(submission.jobs)} domains.", ""]
    lines += ["| domain | dataset | frames | approved by | released by |", "|---|---|---|---|---|"]
    lines += [
        f"| {r.domain} | {r.request.dataset} | {r.facts.get('frames', '')} | {r.approved_by} "
        f"| {r.released_by} |"
        for r in results.values()
    ]
    return "\n".join(lines)


def _png(plot: Any) -> bytes:  # noqa: ANN401  # a matplotlib figure, or bytes
    if isinstance(plot, bytes):
        return plot
    if not hasattr(plot, "savefig"):
        raise InputError(
            f"a plot is a matplotlib figure or PNG bytes, not a {type(plot).__name__}",
            next_step="pass the figure, for instance axes.figure",
        )
    buffer = io.BytesIO()
    plot.savefig(buffer, format="png", dpi=120, bbox_inches="tight")
    return buffer.getvalue()


def _model(
    model: ReleasedModel, shape: tuple[int, ...] | None, maker: DomainResult, register: str
) -> dict[str, Any]:
    receipt = maker.receipt
    return {
        "name": model.name,
        "domain": model.domain,
        "format": model.format,
        "digest": model.digest,
        "data": model.data,
        "input_shape": list(shape) if shape else None,
        "register": register,
        "tags": (receipt_tags(receipt) if receipt else {}) | maker.stale_tags,
        "files": {"receipt.json": envelope_bytes(receipt.statement)} if receipt else {},
    }


# ------------------------------------------------------------- as bytes, for the local spool


def encode_record(record: RunRecord) -> bytes:
    """A record as JSON, its bytes in base64."""
    return json.dumps(asdict(record), default=_encode_bytes).encode()


def _encode_bytes(value: object) -> dict[str, str]:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    raise TypeError(f"{type(value).__name__} does not go into a run record")


def decode_record(data: bytes) -> RunRecord:
    """What `encode_record` wrote."""
    return _record(json.loads(data, object_hook=_decode_bytes))


def _decode_bytes(value: dict[str, Any]) -> Any:  # noqa: ANN401
    return base64.b64decode(value["base64"]) if value.keys() == {"base64"} else value


def _record(fields: dict[str, Any]) -> RunRecord:
    return RunRecord(
        **{
            **fields,
            "inputs": {n: tuple(v) for n, v in fields["inputs"].items()},
            "metrics": {n: tuple(v) for n, v in fields["metrics"].items()},
            "children": tuple(_record(child) for child in fields["children"]),
        }
    )
