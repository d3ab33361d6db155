"""The tables of what is counted: complete, and what the dashboards and the docs speak of."""

import json
import re
from pathlib import Path

import pytest

from darkroom import errors
from darkroom.adapters.sandbox.plan import LAYERS
from darkroom.model.metrics import gateway, ingest, node, owner, process
from darkroom.model.metrics.metric import Metric
from darkroom.policy.transitions import FINAL, OWNERS, TRANSITIONS


ROOT = Path(__file__).parents[2]
DASHBOARDS = sorted((ROOT / "helm").glob("*/dashboards/*.json"))
TABLES: dict[str, tuple[Metric, ...]] = {
    "node": node.NODE, "gateway": gateway.GATEWAY, "ingest": ingest.INGEST, "owner": owner.OWNER,
}  # fmt: skip
METRICS = {metric.name: metric for table in TABLES.values() for metric in table}
METRICS["darkroom_build_info"] = process.build_info("node", "1")
# In a query: a name of ours or of the process, before its matchers, brackets or operators.
USED = re.compile(r"\b((?:darkroom|process)_[a-z0-9_]+)")
SUFFIX = re.compile(r"_(bucket|count|sum)$")


def codes(error: type[errors.DarkroomError] = errors.DarkroomError) -> set[str]:
    return {error.code} | {code for sub in error.__subclasses__() for code in codes(sub)}


def test_the_tables_know_every_state_event_error_and_wall():
    assert set(node.OPEN_STATES) == {state for state in OWNERS if state not in FINAL}
    assert set(node.EVENTS) == set(TRANSITIONS.values()) | {"job-received"}
    assert set(LAYERS) <= set(node.LAYERS)
    seldom = {"error", "job-failed", "output", "model-refused", "no-annotations"}
    assert codes() - seldom <= {*process.ERRORS}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_table_names_each_metric_once(table):
    assert len({metric.name for metric in table}) == len(table)


def test_no_label_is_about_anybody_or_anything_private():
    labels = {label for metric in METRICS.values() for label in metric.labels}

    assert labels == {
        "direction", "error", "event", "layer", "method", "operation", "process", "program",
        "result", "role", "route", "state", "status", "subject", "tier", "version",
    }  # fmt: skip


# ---------------------------------------------------------------------------- dashboards


def panels(board: dict) -> list[dict]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries(board: dict) -> list[str]:
    found = [target["expr"] for panel in panels(board) for target in panel["targets"]]
    return found + [
        variable["query"]["query"]
        for variable in board["templating"]["list"]
        if variable["type"] == "query"
    ]


def metric_of(name: str) -> Metric | None:
    found = METRICS.get(name)
    if found is None and (base := METRICS.get(SUFFIX.sub("", name))):
        found = base if base.kind == "histogram" else None
    return found


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_every_query_names_a_metric_that_is_exported(path):
    board = json.loads(path.read_text())
    for query in queries(board):
        names = USED.findall(query)
        assert names, query
        for name in names:
            found = metric_of(name)
            assert found is not None, f"{path.name}: {name}"
            if found.kind == "counter" and "rate(" not in query and "increase(" not in query:
                assert name == "darkroom_letters_put_aside_total", query
        for labels in re.findall(r"by \(([^)]*)\)", query):
            known = {"le", "pod"} | {
                label for name in names if (m := metric_of(name)) for label in m.labels
            }
            assert {label.strip() for label in labels.split(",")} <= known, query


def test_what_is_exported_is_shown_somewhere():
    used = {
        SUFFIX.sub("", name) if name not in METRICS else name
        for path in DASHBOARDS
        for query in queries(json.loads(path.read_text()))
        for name in USED.findall(query)
    }

    assert set(METRICS) - used == set()


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_panels_have_titles_units_and_a_place_of_their_own(path):
    board = json.loads(path.read_text())
    ids = [panel["id"] for panel in board["panels"]]
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len(set(ids)) == len(ids)
    assert all(p["title"] and p["fieldConfig"]["defaults"]["unit"] for p in panels(board))
    assert {v["name"] for v in board["templating"]["list"]} == {"datasource", "namespace"}


def test_there_is_one_dashboard_for_each_chart():
    assert [path.name for path in DASHBOARDS] == ["domain.json", "gateway.json"]


# ----------------------------------------------------------------------------------- docs


def test_the_docs_have_every_metric():
    page = (ROOT / "docs" / "operations.md").read_text()
    told = set(re.findall(r"`((?:darkroom|process)_[a-z0-9_]+)`", page))

    assert set(METRICS) - told == set()
    assert {name for name in told if metric_of(name) is None} == set()
