"""`domains/<id>/domain.yaml` and `policy.yaml`, read strictly."""

from pathlib import Path

from darkroom.config.yaml_file import open_yaml
from darkroom.errors import SpecError
from darkroom.model.domain_config import DomainConfig
from darkroom.model.site_policy import SitePolicy
from darkroom.policy.consistency import UnsoundPolicyError, contradictions, strangers


DOMAIN_FILE = "domain.yaml"


def domain_config(folder: Path) -> DomainConfig:
    """Read `domain.yaml` in a domain's folder.

    Raises:
        SpecError: naming file and line.
    """
    config = _domain(folder / DOMAIN_FILE)
    if config.domain != folder.resolve().name:
        raise SpecError(
            f"{folder / DOMAIN_FILE} names domain {config.domain} in the folder {folder.name}",
            next_step="give folder and domain the same name",
        )
    return config


def policy_proposal(path: Path) -> SitePolicy:
    """Read a `policy.yaml`: a proposal, in force only once the owner signed it.

    Raises:
        SpecError: naming file and line; also when it contradicts itself.
    """
    file = open_yaml(path)
    with file.blamed():
        policy = SitePolicy.from_mapping(file.content)
        for fault in contradictions(policy):
            raise fault
    return policy


def sound_policy(path: Path, domain: Path | None = None) -> SitePolicy:
    """Read a `policy.yaml` that may be signed: nothing is wrong with it.

    Args:
        path: of the policy.
        domain: of the `domain.yaml` that its names are held against; None: the one beside
            the policy, if it is there.

    Raises:
        UnsoundPolicyError: with all faults, each with file and line.
    """
    beside = path.parent / DOMAIN_FILE
    if domain is None and beside.is_file():
        domain = beside
    try:
        file = open_yaml(path)
        with file.blamed():
            policy = SitePolicy.from_mapping(file.content)
        config = _domain(domain) if domain else None
    except SpecError as error:
        raise UnsoundPolicyError([error]) from error
    faults = [*contradictions(policy)]
    if config is not None:
        known = {dataset.name for dataset in config.datasets}
        faults += strangers(policy, domain=config.domain, datasets=known)
    located = [(file.line(fault.where), file.located(fault)) for fault in faults]
    if located:
        raise UnsoundPolicyError([f for _, f in sorted(located, key=lambda each: each[0])])
    return policy


def _domain(path: Path) -> DomainConfig:
    file = open_yaml(path)
    with file.blamed():
        return DomainConfig.from_mapping(file.content)
