"""What a domain says about itself: its owner, environments, workers and limits."""

from dataclasses import dataclass, field
from typing import Any

from darkroom.errors import SpecError, UnknownNameError
from darkroom.model.airlock import Airlock
from darkroom.model.domain_config import MAX_MODELS, MODEL_NAME
from darkroom.model.identity import require_name
from darkroom.model.job import SHA256, Environment, Limits
from darkroom.model.json_shape import is_whole


MAX_TITLE = 200
MAX_VERSION = 40
MAX_ENVIRONMENTS = 32
MAX_PACKAGES, MAX_PACKAGE = 500, 100  # of an environment; characters of a name or version


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A verified profile.

    Attributes:
        environments: name -> (lock hash, TFLite interpreter or "").
        limits: the most that one worker of a job may use, or None when not said.
        unfit: why it runs no jobs at present, or "".
        waiting: why it starts none on private footage at present, or "".
        airlock: what every output must fit, or None when not said.
        pysyft: version of PySyft that the domain's endpoint speaks, or "".
        models: file name -> (sha256, bytes) of models that PySyft jobs may name.
        packages: environment -> its distributions and their versions, where the domain says so.
    """

    domain: str
    title: str
    owner: str
    environments: dict[str, tuple[str, str]]
    workers: int
    limits: Limits | None
    unfit: str = ""
    waiting: str = ""
    airlock: Airlock | None = None
    pysyft: str = ""
    models: dict[str, tuple[str, int]] = field(default_factory=dict)
    packages: dict[str, dict[str, str]] = field(default_factory=dict)

    def environment(self, name: str) -> Environment:
        """The environment of that name with the hash that this domain offers.

        Raises:
            UnknownNameError: naming those that it offers.
        """
        if name not in self.environments:
            raise UnknownNameError(
                f"domain {self.domain} offers no environment {ascii(name)[:40]}",
                next_step=f"use one of: {', '.join(self.environments) or 'none'}",
            )
        return Environment(name=name, lock_hash=self.environments[name][0])


def read_profile(domain: str, body: dict[str, Any]) -> Profile:
    """Read the body of a profile whose signature holds.

    Raises:
        SpecError: when it is not well formed, or about another domain.
    """
    try:
        if body["domain"] != domain:
            raise TypeError("about another domain")
        environments = dict(body["environments"])
        if len(environments) > MAX_ENVIRONMENTS or not isinstance(body["title"], str):
            raise TypeError("environments")
        pairs, packages = {}, {}
        for name, entry in environments.items():
            Environment(name=name, lock_hash=entry["lock_hash"])  # checks both
            pairs[name] = (entry["lock_hash"], str(entry["interpreter"])[:40])
            if entry.get("packages") is not None:
                packages[name] = _packages(entry["packages"])
        workers = body["workers"]
        if type(workers) is not int or workers < 1:
            raise TypeError("workers")
        limits, airlock = body.get("limits"), body.get("airlock")
        version, models = _endpoint(body.get("pysyft"))
        return Profile(
            domain=domain,
            title=body["title"][:MAX_TITLE],
            owner=require_name(body["owner"], "owner"),
            environments=pairs,
            workers=workers,
            limits=Limits(**limits) if limits else None,
            unfit=str(body.get("unfit") or "")[:MAX_TITLE],
            waiting=str(body.get("waiting") or "")[:MAX_TITLE],
            airlock=Airlock.from_mapping(airlock) if airlock else None,
            pysyft=version,
            models=models,
            packages=packages,
        )
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise SpecError(
            f"the profile of {domain} has missing or mistyped fields",
            next_step=f"ask the owner of {domain} to publish it again",
        ) from error


def _packages(value: Any) -> dict[str, str]:  # noqa: ANN401 - JSON
    """Distribution -> version; both are shown to people."""
    if not isinstance(value, dict) or len(value) > MAX_PACKAGES:
        raise TypeError("packages")
    for text in (*value, *value.values()):
        if (
            not isinstance(text, str)
            or not 1 <= len(text) <= MAX_PACKAGE
            or not (text.isascii() and text.isprintable())
        ):
            raise TypeError("packages")
    return dict(value)


def _endpoint(value: Any) -> tuple[str, dict[str, tuple[str, int]]]:  # noqa: ANN401 - JSON
    """(version, models) of the PySyft endpoint; ("", {}) when the domain has none."""
    if value is None:
        return "", {}
    version, models = value["version"], value["models"]
    if len(models) > MAX_MODELS or not isinstance(version, str):
        raise TypeError("models")
    found = {}
    for name, entry in models.items():
        if (
            not isinstance(name, str)
            or not MODEL_NAME.fullmatch(name)
            or not SHA256.fullmatch(entry["sha256"])
            or not is_whole(entry["size"])
        ):
            raise TypeError("models")
        found[name] = (entry["sha256"], entry["size"])
    return version[:MAX_VERSION], found
