"""Write docs/schema/*.schema.json from the nouns: `python docs/schema.py`.

Types, keys, defaults and what is required come from the dataclasses; what each of their
constructors demands beyond that is in the table `MORE`. What no schema can say (names that
must agree, contradictions) `darkroom policy check` says. A test compares.
"""

import inspect
import json
import re
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from darkroom.model import camera_config, domain_config, recording
from darkroom.model.airlock import MAX_DECIMALS, Airlock
from darkroom.model.amount import _FRACTION, UNITS
from darkroom.model.approval_rule import Allowed, ApprovalRule
from darkroom.model.budget import MAX_PERIOD, Budget
from darkroom.model.camera_config import CameraConfig
from darkroom.model.domain_config import DatasetConfig, DomainConfig
from darkroom.model.identity import NAME
from darkroom.model.job import SHA256, Limits
from darkroom.model.json_shape import MAX_TEXT
from darkroom.model.output import MODEL_FORMATS
from darkroom.model.recording import Recording
from darkroom.model.reviews import MAX_DAYS, Reviewer, Reviews
from darkroom.model.segment import SLOWEST
from darkroom.model.site_policy import SCHEMA, Grant, SitePolicy


HERE = Path(__file__).parent / "schema"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _whole(pattern: re.Pattern[str]) -> str:
    return f"^(?:{pattern.pattern})$"


POSITIVE = {"minimum": 1}
NAMED = {"pattern": _whole(NAME)}
NAMED_OR_NONE = {"pattern": f"^(?:{NAME.pattern})?$"}
NAMES = {"items": {"type": "string", **NAMED}}
DIGEST = {"pattern": _whole(SHA256)}
FRACTION = {
    "anyOf": [
        {"type": "number", "minimum": 0, "exclusiveMaximum": 10**18},
        {"type": "string", "pattern": _whole(_FRACTION)},
        {"type": "null"},
    ],
    "default": None,
}
CAP = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]}
LINE = {"maxLength": MAX_TEXT}
EDGE = {"type": "integer", "minimum": 0, "maximum": camera_config.MAX_EDGE}
POINT = {"type": "array", "items": EDGE, "minItems": 2, "maxItems": 2}
POLYGON = {
    "type": "array",
    "items": POINT,
    "minItems": camera_config.MIN_POINTS,
    "maxItems": camera_config.MAX_POINTS,
}

# noun -> field -> what its constructor asks for
MORE: dict[type, dict[str, dict[str, Any]]] = {
    SitePolicy: {"version": POSITIVE, "domain": NAMED, "schema": {"const": SCHEMA}},
    Grant: {
        "scientist": NAMED,
        "datasets": {**NAMES, "minItems": 1},
        "tiers": {"minItems": 1},
        "projects": NAMES,
    },
    ApprovalRule: {
        "name": NAMED,
        "code_digest": {"pattern": f"^(?:{SHA256.pattern})?$"},
        "scientists": NAMES,
        "datasets": NAMES,
        "parameters": {"propertyNames": NAMED},
    },
    Allowed: {},
    Reviewer: {"name": NAMED, "fingerprint": DIGEST, "scientist": NAMED_OR_NONE},
    Reviews: {
        "owner_as_scientist": NAMED_OR_NONE,
        "code": POSITIVE,
        "release": POSITIVE,
        "approval_days": {"minimum": 1, "maximum": MAX_DAYS},
        "max_pending": POSITIVE,
    },
    Budget: {
        "name": NAMED,
        "period_days": {"minimum": 1, "maximum": MAX_PERIOD},
        "datasets": NAMES,
        **dict.fromkeys(("releases", "rows", "bits"), CAP),
        **dict.fromkeys(("epsilon", "delta"), FRACTION),
    },
    Airlock: {
        **dict.fromkeys(
            ("max_rows", "max_columns", "min_count", "round_counts", "max_model_kib"), POSITIVE
        ),
        "decimals": {"minimum": 0, "maximum": MAX_DECIMALS},
        "models": {"items": {"enum": [*MODEL_FORMATS]}},
    },
    Limits: dict.fromkeys(
        ("memory_mib", "cpu_seconds", "wall_seconds", "processes", "files", "output_mib"), POSITIVE
    ),
    DomainConfig: {
        "domain": NAMED,
        "title": LINE,
        "schema": {"const": domain_config.SCHEMA},
        "workers": {"minimum": 1, "maximum": domain_config.MAX_WORKERS},
        "environments": {"minProperties": 1, "propertyNames": NAMED},
        "footage": {"pattern": _whole(domain_config.FOOTAGE)},
        "models": {
            "propertyNames": {"pattern": _whole(domain_config.MODEL_NAME)},
            "additionalProperties": {"type": "string", **LINE},
            "maxProperties": domain_config.MAX_MODELS,
        },
    },
    CameraConfig: {
        "id": NAMED,
        "description": LINE,
        "masks": {"items": POLYGON, "maxItems": camera_config.MAX_MASKS},
        **{
            name: {**LINE, "pattern": f"^(?:{form.pattern})?$"}
            for name, form in (
                ("url", camera_config.URL),
                ("device", camera_config.DEVICE),
                ("folder", camera_config.FOLDER),
            )
        },
        "credentials": NAMED_OR_NONE,
        "fps": {"minimum": SLOWEST, "maximum": camera_config.FASTEST_LIVE},
    },
    Recording: {
        "every_minutes": {"minimum": 1, "maximum": recording.MAX_MINUTES},
        "keep_gib": {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": recording.MAX_GIB},
                {"type": "null"},
            ]
        },
    },
    DatasetConfig: {
        "name": NAMED,
        "description": LINE,
        "source": LINE,
        "classes": {"items": {"type": "string", "minLength": 1, **LINE}, "uniqueItems": True},
        "cameras": {**NAMES, "uniqueItems": True},
        "start": {
            "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "format": "date-time"}]
        },
        "retention_days": {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": domain_config.MAX_RETENTION},
                {"type": "null"},
            ]
        },
    },
}  # fmt: skip
_NOT_NULL = {"not": {"type": "null"}}
_NO_RANGE = {"minimum": {"type": "null"}, "maximum": {"type": "null"}}
# What one field alone does not say.
BESIDE: dict[type, dict[str, Any]] = {
    ApprovalRule: {
        "oneOf": [
            {
                "required": ["code_digest"],
                "properties": {"code_digest": DIGEST, "tier": {"const": ""}},
            },
            {
                "required": ["tier"],
                "properties": {
                    "tier": {"const": "mock"},
                    "code_digest": {"const": ""},
                    "parameters": {"maxProperties": 0},
                },
            },
        ]
    },
    Allowed: {
        "oneOf": [
            {
                "anyOf": [
                    {"required": [end], "properties": {end: _NOT_NULL}}
                    for end in ("minimum", "maximum")
                ],
                "properties": {"one_of": {"maxItems": 0}, "anything": {"const": False}},
            },
            {
                "required": ["one_of"],
                "properties": {
                    **_NO_RANGE, "one_of": {"minItems": 1}, "anything": {"const": False}
                },
            },
            {
                "required": ["anything"],
                "properties": {
                    **_NO_RANGE, "one_of": {"maxItems": 0}, "anything": {"const": True}
                },
            },
        ]
    },
    Budget: {
        "anyOf": [{"required": [unit], "properties": {unit: _NOT_NULL}} for unit in UNITS]
    },
}  # fmt: skip


def schema_of(noun: type) -> dict[str, Any]:
    """The schema of one file."""
    made = TypeAdapter(noun).json_schema(schema_generator=_Generator)
    shapes = {noun.__name__: made, **made.get("$defs", {})}
    nouns = {each.__name__: each for each in MORE}
    for name, shape in shapes.items():
        _complete(shape, nouns[name])
    return {
        "$schema": DIALECT,
        "$comment": "Written by `python docs/schema.py` from the nouns in darkroom.model.",
        **made,
    }


def _complete(shape: dict[str, Any], noun: type) -> None:
    """Add what only the constructor and the docstring of a noun say."""
    text = inspect.getdoc(noun) or ""
    shape["description"] = text.partition("\n\n")[0]
    shape["additionalProperties"] = False
    shape.update(BESIDE.get(noun, {}))
    told = _attributes(text)
    for name, field in shape["properties"].items():
        more = MORE[noun].get(name, {})
        if "anyOf" in more:  # another type than the field has once it was read
            field.pop("type", None)
        field.update(more)
        field.pop("title", None)
        if name in told:
            field["description"] = told[name]


class _Generator(GenerateJsonSchema):
    """What pydantic has no schema for stands in `MORE`."""

    def is_instance_schema(self, schema: Any) -> dict[str, Any]:  # noqa: ANN401 - pydantic's type
        """A fraction."""
        del schema
        return {}


def _attributes(text: str) -> dict[str, str]:
    """Field -> what a docstring says of it."""
    _, _, listed = text.partition("Attributes:\n")
    entry = re.compile(r"^ {4}(\w[\w, ]*): (.+(?:\n {8}.+)*)", re.MULTILINE)
    return {
        name: " ".join(words.split())
        for names, words in entry.findall(listed)
        for name in names.split(", ")
    }


PAGES = {"policy.schema.json": SitePolicy, "domain.schema.json": DomainConfig}


def pages() -> dict[str, str]:
    """File name -> the whole file."""
    return {
        name: json.dumps(schema_of(noun), indent=1, ensure_ascii=False) + "\n"
        for name, noun in PAGES.items()
    }


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")
