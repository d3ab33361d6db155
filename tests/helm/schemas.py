"""Kubernetes' own schemas of every kind of object, strictly: no field that it does not know."""

import functools
from collections.abc import Mapping
from typing import Any

import kubernetes_validate
from kubernetes_validate import utils


VERSION = "1.37"
# Kinds of others, whose schemas are not Kubernetes'.
FOREIGN = {"ServiceMonitor"}
# It reads two files for every object; they do not change meanwhile.
utils.schema_contents = functools.cache(utils.schema_contents)


def fault(each: Mapping[str, Any]) -> str:
    """What is wrong with an object, or ""."""
    try:
        kubernetes_validate.validate(dict(each), VERSION, strict=True)
    except kubernetes_validate.SchemaNotFoundError as error:
        return "" if each["kind"] in FOREIGN else error.message
    except kubernetes_validate.ValidationError as error:
        return f"{each['kind']} {each['metadata']['name']}: {list(error.path)}: {error.message}"
    return ""
