"""`code/darkroom.json`: what an author says of a PySyft job that its folder does not show.

    {
      "dataset": "plaza",
      "models": ["detector.tflite"],
      "outputs": {"counts": {"type": "table", "columns": {"camera": "text", "n": "int"},
                             "max_rows": 9, "counts": ["n"], "labels": {}, "bounds": {}}},
      "environment": "tflite",
      "limits": {"wall_seconds": 300},
      "project": "counting",
      "tier": "reviewed"
    }

Every key may be left out; what is left out is found out on mock.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from darkroom.adapters.pysyft.declaration import MAX_MODELS, Declaration
from darkroom.errors import SpecError
from darkroom.model.identity import require_name
from darkroom.model.job import MAX_OUTPUTS, TIERS, Limits, Tier
from darkroom.model.json_shape import unique_keys
from darkroom.model.output import Output, output_from_mapping


FILE = "darkroom.json"
MAX_FILE = 64 << 10  # characters
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What is declared; None where it is left out."""

    dataset: str | None = None
    models: tuple[str, ...] | None = None
    outputs: dict[str, Output] | None = None
    environment: str | None = None
    limits: Limits | None = None
    project: str | None = None
    tier: Tier | None = None


def read_wishes(code: dict[str, str]) -> Wishes:
    """The declaration among the code, if there is one.

    Raises:
        SpecError: naming the place in the file.
    """
    if FILE not in code:
        return Wishes()
    if len(code[FILE]) > MAX_FILE:
        raise _bad("", f"has more than {MAX_FILE >> 10} KiB", "declare less")
    try:
        value = json.loads(code[FILE], object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        raise _bad("", f"is not JSON: {error}", "mend it") from None
    _keys("", value, {field.name for field in fields(Wishes)})
    readers: dict[str, Callable[[Any], Any]] = {
        "dataset": lambda v: require_name(v, "dataset"),
        "models": _models,
        "outputs": _outputs,
        "environment": lambda v: require_name(v, "environment"),
        "limits": _limits,
        "project": lambda v: require_name(v, "project"),
        "tier": _tier,
    }
    return Wishes(**{key: _at(key, readers[key], entry) for key, entry in value.items()})


def require_kept(wishes: Wishes, declaration: Declaration) -> None:
    """A reader of the code who sees the file is not told something else than what counts.

    Raises:
        SpecError: the file in the code says one thing, the declaration beside it another.
    """
    ways = [{name, name.rpartition(".")[0], sha} for name, sha in declaration.models.items()]
    said: dict[str, tuple[object, object]] = {
        "dataset": (wishes.dataset, declaration.dataset),
        "outputs": (wishes.outputs, declaration.outputs),
        "environment": (wishes.environment, declaration.environment.name),
        "limits": (wishes.limits, declaration.limits),
        "project": (wishes.project, declaration.project),
        "tier": (wishes.tier, declaration.tier),
    }
    differ = [key for key, (wished, kept) in said.items() if wished not in (None, kept)]
    models = wishes.models
    if models is not None and (
        len(models) != len(ways) or not all(any(m in way for way in ways) for m in models)
    ):
        differ.append("models")
    if differ:
        raise _bad(differ[0], "is declared otherwise beside the code", "submit the job again")


def _keys(place: str, value: object, known: set[str]) -> None:
    if not isinstance(value, dict):
        raise _bad(place, "is not an object", 'write {"key": value}')
    unknown = sorted(value.keys() - known)
    if unknown:
        words = f"has the unknown key {ascii(unknown[0])[:60]}"
        raise _bad(place, words, f"use {', '.join(sorted(known))}")


def _at(place: str, read: Callable[[Any], T], value: Any) -> T:  # noqa: ANN401 - JSON
    """What a reader makes of a value; its errors name the place."""
    try:
        return read(value)
    except SpecError as error:
        if error.message.startswith(FILE):
            raise
        raise _bad(place, f"{error.message}", error.next_step) from error


def _models(value: object) -> tuple[str, ...]:
    if (
        not isinstance(value, list)
        or len(value) > MAX_MODELS
        or not all(isinstance(name, str) for name in value)
    ):
        raise SpecError(
            f"this is no list of up to {MAX_MODELS} models",
            next_step='write ["detector.tflite"], or the model\'s "sha256:…"',
        )
    return tuple(value)


def _outputs(value: object) -> dict[str, Output]:
    if not isinstance(value, dict) or not 1 <= len(value) <= MAX_OUTPUTS:
        raise SpecError(
            f"this is no object of 1 to {MAX_OUTPUTS} outputs",
            next_step='write {"counts": {"type": "scalars", "names": ["n"], "counts": []}}',
        )
    return {
        require_name(name, "output"): _at(f"outputs.{name}", output_from_mapping, entry)
        for name, entry in value.items()
    }


def _limits(value: object) -> Limits:
    _keys("limits", value, {field.name for field in fields(Limits)})
    return Limits(**value)  # type: ignore[arg-type]  # checked above


def _tier(value: object) -> Tier:
    if value not in TIERS:
        raise SpecError("this tier is not offered", next_step=f"use one of {', '.join(TIERS)}")
    return value


def _bad(place: str, what: str, step: str) -> SpecError:
    where = f"{FILE}: {place}" if place else FILE
    joint = ": " if place and not what.startswith(("is ", "has ")) else " "
    return SpecError(f"{where}{joint}{what}", next_step=step)
