"""`domains/<id>/domain.yaml` and `policy.yaml`, read strictly."""

from pathlib import Path

from darkroom.config.yaml_file import open_yaml
from darkroom.errors import SpecError
from darkroom.model.domain_config import DomainConfig
from darkroom.model.site_policy import SitePolicy
from darkroom.policy.consistency import contradictions, strangers


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


def policy_faults(path: Path, domain: Path | None = None) -> list[SpecError]:
    """Everything that is wrong with a `policy.yaml`, with file and line; empty: nothing.

    Args:
        path: of the policy.
        domain: of the `domain.yaml` that its names are held against; None: the one beside
            the policy, if it is there.
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
        return [error]
    faults = [*contradictions(policy)]
    if config is not None:
        known = {dataset.name for dataset in config.datasets}
        faults += strangers(policy, domain=config.domain, datasets=known)
    located = [(file.line(fault.where), file.located(fault)) for fault in faults]
    return [fault for _, fault in sorted(located, key=lambda each: each[0])]


def _domain(path: Path) -> DomainConfig:
    file = open_yaml(path)
    with file.blamed():
        return DomainConfig.from_mapping(file.content)
