"""A node does not start on a ledger that does not fit, and says where it broke."""

import json
from pathlib import Path

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap.node_status import node_status
from tests.adapters.sqlite.accounts import entry
from tests.adapters.sqlite.test_ledger_check import by_hand
from tests.node.processes import call, write_domain, write_identity


NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def domain(tmp_path) -> Path:
    return write_domain(tmp_path, workers=1)


@pytest.fixture
def state(tmp_path, domain) -> Path:
    owner = write_identity(tmp_path / "olga.json", SycKeyring.generate("olga", "owner"))
    state = tmp_path / "state"
    made = call(
        "node", "init", "--state", state, "--domain", domain,
        "--gateway", NOWHERE, "--owner", owner,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    store = SqliteNodeStore(state / "node.db")
    for number in range(3):
        store.add_entry(entry(number=number))
    store.close()
    return state


def test_a_node_refuses_a_changed_ledger_and_leaves_it_as_it_is(state, domain):
    assert node_status(state).problems == []
    by_hand(state / "node.db", "UPDATE ledger SET scientist = 'bob' WHERE number = 2")
    before = (state / "node.db").read_bytes()
    ended = call("node", "serve", "--state", state, "--domain", domain, "--gateway", NOWHERE)
    assert ended.returncode != 0
    assert "node.db: entry 2 of the ledger does not fit the one before it" in ended.stderr
    assert "next: keep this file as it is" in ended.stderr
    assert (state / "node.db").read_bytes() == before
    assert "entry 2 of the ledger" in node_status(state).problems[0]
    json.loads((state / "keys.json").read_text())  # nothing else was touched
