"""From the engine's message to a job that may be sent: declared, tried on mock, translated.

The message is read with the node's own readers, and held against what the domain's signed
profile offers, so that what its endpoint would refuse is refused here, before anything is sent;
and both sides compute the same digests. What the policy says of a job, the node alone decides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from darkroom.adapters.pysyft.address import address_of
from darkroom.adapters.pysyft.declaration import Declaration, require_model_name
from darkroom.adapters.pysyft.inference import (
    as_json,
    imports_heavy,
    infer_outputs,
    resolved_names,
)
from darkroom.adapters.pysyft.lab import DomainProfile, Lab, Trial
from darkroom.adapters.pysyft.submitted_folder import (
    CODE,
    SubmittedFolder,
    read_folder,
    require_dependencies,
)
from darkroom.adapters.pysyft.translation import JOB_PARAMETER, MODELS, MODULE, code_tree, translate
from darkroom.adapters.pysyft.wire import SUPPORTED, read_proposal
from darkroom.adapters.pysyft.wishes import FILE, Wishes, read_wishes
from darkroom.errors import InputError, UnknownNameError, UnreachableError
from darkroom.model.airlock import Airlock
from darkroom.model.canonical import digest_bytes
from darkroom.model.dataset import DatasetCard
from darkroom.model.job import SHA256, JobRequest, Limits
from darkroom.model.output import Output


DISCOVERED = '''"""Runs a PySyft job on mock to see what it leaves. Written by Darkroom."""

from darkroom.runtime import pysyft_job as runner


def main(data, params):
    return runner.discover(
        data, entrypoint={entrypoint!a}, datasite={datasite!a}, dataset={dataset!a},
        models={models!a},
    )
'''
SMALL, LARGE = "tflite", "tensorflow"  # environments


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A job that ran on mock.

    Attributes:
        request: as the node will translate it, too.
        body: of the `pysyft.submit` letter.
        forms: output -> form of its file.
    """

    request: JobRequest
    job_name: str
    body: dict[str, Any]
    forms: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What is known of a job before its outputs are."""

    folder: SubmittedFolder
    datasite: str
    card: DatasetCard
    profile: DomainProfile
    wishes: Wishes
    environment: str
    models: dict[str, str]
    bytes_of_models: dict[str, bytes]


def prepare(
    message: bytes,
    domain: str,
    *,
    job_id: str,
    lab: Lab,
    parse_yaml: Callable[[str, str], dict[str, Any]],
    local_model: Callable[[str], bytes | None],
) -> Outgoing:
    """Make a job of a message.

    Args:
        message: the engine's own bytes.
        domain: who is asked.
        job_id: of the job that it becomes.
        lab: the scientist's session.
        parse_yaml: strict, from (text, name).
        local_model: the bytes with a `sha256:…` that are known on this machine.

    Raises:
        DarkroomError: it would be refused, or it fails on mock. Nothing was sent.
    """
    job = _job(message, domain, lab, parse_yaml, local_model)
    outputs, forms = job.wishes.outputs, dict[str, str]()
    if outputs is None:
        outputs, forms = _inferred(job, lab)
    declaration = Declaration(
        dataset=job.card.name,
        dataset_version=job.card.version,
        environment=job.profile.environment(job.environment),
        outputs=outputs,
        models=job.models,
        tier=job.wishes.tier or "reviewed",
        project=job.wishes.project or "default",
        limits=job.wishes.limits or Limits(),
    )
    request = translate(
        job.folder,
        declaration,
        job_id=job_id,
        submitter=lab.identity.name,
        submitter_fingerprint=lab.identity.fingerprint,
        domain=domain,
    )
    tree = code_tree(job.folder, declaration, datasite=job.datasite)
    mock = lab.try_on_mock(_trial(job, tree, declaration.outputs))
    return Outgoing(
        request=request,
        job_name=job.folder.job_name,
        body={
            "job_id": request.job_id,
            "job_name": job.folder.job_name,
            "syft": SUPPORTED,
            "declaration": declaration.to_mapping(),
            "mock": mock,
        },
        forms=forms,
    )


def _job(
    message: bytes,
    domain: str,
    lab: Lab,
    parse_yaml: Callable[[str, str], dict[str, Any]],
    local_model: Callable[[str], bytes | None],
) -> _Job:
    datasite = address_of(domain)
    folder = read_folder(
        read_proposal(message),
        sender=address_of(lab.identity.name),
        datasite=datasite,
        parse_yaml=parse_yaml,
    )
    profile = _profile(domain, lab)
    wishes = read_wishes(folder.code)
    names = resolved_names(folder.code)
    cards = lab.cards(domain)
    if cards is None:
        raise UnreachableError(
            f"the datasets of {domain} are not known here yet: {lab.why_not(domain)}",
            next_step="submit it again when the gateway answers; nothing was sent",
        )
    card = _dataset(wishes, names, cards, profile, lab.why_not(domain), datasite)
    models = _models(wishes, names, profile, datasite)
    environment = wishes.environment or _environment(folder, profile)
    packages = profile.packages.get(environment)
    if packages:  # a domain of an older release does not say what it has, and refuses itself
        require_dependencies(folder.dependencies, packages, environment)
    return _Job(
        folder=folder,
        datasite=datasite,
        card=card,
        profile=profile,
        wishes=wishes,
        environment=environment,
        models=models,
        bytes_of_models={name: _local(name, sha, local_model) for name, sha in models.items()},
    )


def _profile(domain: str, lab: Lab) -> DomainProfile:
    profile = lab.profile(domain)
    if profile is None:
        raise InputError(
            f"domain {domain} cannot be asked: {lab.why_not(domain) or 'it has no profile'}",
            next_step="try again later, or ask its owner",
        )
    if profile.pysyft != SUPPORTED:
        speaks = f"speaks syft {profile.pysyft}" if profile.pysyft else "takes no PySyft jobs"
        raise InputError(
            f"domain {domain} {speaks}, this client {SUPPORTED}",
            next_step="install the release that the domain speaks, or ask its operator to upgrade; "
            "ignore_peer_version changes nothing, for the domain itself refuses",
        )
    return profile


def _dataset(
    wishes: Wishes,
    names: tuple[str, ...],
    cards: Mapping[str, DatasetCard],
    profile: DomainProfile,
    problem: str,
    datasite: str,
) -> DatasetCard:
    """The one dataset that a job runs on."""
    stems = {_stem(name) for name in profile.models}
    there = ", ".join(sorted({*cards, *stems})) or "none"
    for name in names:
        if name not in cards and name not in stems:
            raise UnknownNameError(
                f"{datasite} has no dataset {ascii(name)[:60]}{f' ({problem})' if problem else ''}",
                next_step=f"use one of: {there}",
            )
    asked = [wishes.dataset] if wishes.dataset else [name for name in names if name in cards]
    asked = asked or [*cards]
    if len(asked) != 1:
        raise InputError(
            "a job runs on one dataset, and this one "
            + (f"names {', '.join(asked)}" if asked else "finds none to run on"),
            next_step="resolve one dataset in the code: sy.resolve_dataset_file_path('…'); or name "
            f'it in code/{FILE}: {{"dataset": "…"}}; there are: {there}',
        )
    if asked[0] not in cards:
        raise UnknownNameError(
            f"{datasite} has no dataset {ascii(asked[0])[:60]}", next_step=f"use one of: {there}"
        )
    return cards[asked[0]]


def _models(
    wishes: Wishes, names: tuple[str, ...], profile: DomainProfile, datasite: str
) -> dict[str, str]:
    """File name -> hash of the registered models that a job uses."""
    known = {name: sha256 for name, (sha256, _) in profile.models.items()}
    ways = {way: name for name, sha256 in known.items() for way in (sha256, _stem(name), name)}
    wanted = wishes.models if wishes.models is not None else names
    found = {}
    for asked in wanted:
        name = ways.get(asked)
        if name is not None:
            found[require_model_name(name)] = known[name]
        elif wishes.models is not None:
            what = "hash" if SHA256.fullmatch(asked) else "name"
            raise UnknownNameError(
                f"{datasite} has registered no model of the {what} {ascii(asked)[:80]}",
                next_step=f"use one of: {', '.join(sorted(known)) or 'none'}; or ask its operator to "
                "register yours",
            )
    return found


def _local(name: str, sha256: str, local_model: Callable[[str], bytes | None]) -> bytes:
    data = local_model(sha256)
    if data is None or digest_bytes(data) != sha256:
        raise InputError(
            f"the model {name} ({sha256[:19]}…) is not on this machine, so the job cannot run on "
            "mock",
            next_step=f"log in with its file: login_ds(models={{{name!r}: 'path/to/{name}'}})",
        )
    return data


def _environment(folder: SubmittedFolder, profile: DomainProfile) -> str:
    """The larger one for code that needs it, else the small one, else the only one."""
    names = {d.split(";")[0].strip().lower() for d in folder.dependencies}
    heavy = any(name.startswith((LARGE, "keras")) for name in names) or imports_heavy(folder.code)
    wanted = LARGE if heavy else SMALL
    offered = [*profile.environments]
    return offered[0] if wanted not in offered and len(offered) == 1 else wanted


def _inferred(job: _Job, lab: Lab) -> tuple[dict[str, Output], dict[str, str]]:
    text = DISCOVERED.format(
        entrypoint=f"{CODE}/{job.folder.entrypoint}",
        datasite=job.datasite,
        dataset=job.card.name,
        models={name: f"{MODELS}/{name}" for name in sorted(job.models)},
    )
    tree = {f"{CODE}/{path}": script.encode() for path, script in job.folder.code.items()}
    tree[f"{MODULE}.py"] = text.encode()
    trial = _trial(job, tree, {})
    seen = lab.discover(trial)
    inferred = infer_outputs(seen.files, mock_frames=seen.frames, frames=job.card.frames)
    lab.say(
        f"Outputs were declared from what the job left on mock. To make it cheaper, narrow them in "
        f"code/{FILE} (labels for texts, bounds for numbers, fewer rows):\n"
        f"{as_json(inferred.outputs)}"
    )
    return inferred.outputs, inferred.forms


def _trial(job: _Job, tree: dict[str, bytes], outputs: dict[str, Output]) -> Trial:
    return Trial(
        tree=tree | {f"{MODELS}/{name}": data for name, data in job.bytes_of_models.items()},
        code=job.folder.code,
        card=job.card,
        environment=job.environment,
        limits=job.wishes.limits or Limits(),
        outputs=outputs,
        parameters={JOB_PARAMETER: job.folder.job_name},
        airlock=job.profile.airlock or Airlock(),
    )


def _stem(name: str) -> str:
    return name.rpartition(".")[0]
