"""Every value is in the docs, and every value in the docs is one."""

import re

import yaml

from tests.helm.chart import CHART, REPOSITORY


DOC = REPOSITORY / "docs" / "helm-domain.md"
# Written there as one row: all of them have the same three keys.
IMAGES = re.compile(r"images\.(node|store|runtime\.[a-z-]+)\..*")


def leaves(value, name=""):
    """Dotted names of all values."""
    if isinstance(value, dict) and value and name != "monitoring.dashboardLabels":
        for key, inner in value.items():
            yield from leaves(inner, f"{name}.{key}".lstrip("."))
    else:
        yield name


def documented():
    """Names in the first column of the table of values; `.x` after a name is its sibling."""
    table = DOC.read_text().partition("## Values")[2].partition("\n## ")[0]
    for row in re.findall(r"(?m)^\| (`[^|]+) \|", table):
        last = ""
        for name in re.findall(r"`([^`]+)`", row):
            whole = f"{last.rpartition('.')[0]}{name}" if name.startswith(".") else name
            last = whole
            yield whole


def test_the_table_of_values_is_complete_and_has_nothing_else():
    values = set(leaves(yaml.safe_load((CHART / "values.yaml").read_text())))
    values = {name for name in values if not IMAGES.fullmatch(name)} - {"pis"}
    told = {n for n in documented() if not n.startswith(("pis[]", "images.node", "images.store"))}
    assert told - {"images.runtime.*"} == values
