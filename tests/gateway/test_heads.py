"""The gateway as a witness: what it was shown of a log stays, and a fork is refused and kept."""

import itertools

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.sqlite.gateway import heads as kept
from darkroom.adapters.sqlite.gateway.database import SCHEMA_VERSION, VERSION_1, Database
from darkroom.adapters.sqlite.gateway.heads import DAY, SqliteHeads
from darkroom.errors import ForkError, SpecError, TrustError, UnknownNameError
from darkroom.model.merkle import consistency_proof, leaf_hash
from darkroom.model.tree_head import KIND, LedgerMark, TreeHead
from darkroom.policy.witness import Ruling
from tests.gateway.raw import Raw
from tests.gateway.serving import GatewayProcess
from tests.model.trees import root_of


_numbers = itertools.count()
LEAVES = [leaf_hash(b"%d" % n) for n in range(40)]
OTHER = [*LEAVES[:3], *(leaf_hash(b"x%d" % n) for n in range(37))]


def proof(first: int, second: int, leaves=LEAVES):
    return consistency_proof(
        first, second, lambda level, place: root_of(leaves[place << level : (place + 1) << level])
    )


class Domain:
    """A domain with a log of its own and a way to the gateway."""

    def __init__(self, gateway, keyring=None) -> None:
        self.keyring = keyring or SycKeyring.generate(f"north{next(_numbers)}", "domain")
        self.name = self.keyring.identity.name
        self.relay = gateway.relay(self.keyring)
        self.relay.register(self.keyring.identity, self.keyring.handovers)

    def head(self, size: int, leaves=LEAVES, **more):
        fields = {
            "domain": self.name, "epoch": 1, "size": size, "root": root_of(leaves[:size]).hex(),
            "at": 1.0, "ledger": LedgerMark(number=0, chain="0" * 64),
        }  # fmt: skip
        return self.keyring.sign(KIND, TreeHead(**{**fields, **more}).to_body())

    def show(self, size: int, since: int = 0, leaves=LEAVES) -> None:
        self.relay.witness(self.head(size, leaves), since=since, proof=proof(since, size, leaves))


@pytest.fixture
def north(gateway):
    domain = Domain(gateway)
    with domain.relay:
        yield domain


def test_a_log_that_grows_is_taken_and_shown_to_everybody(gateway, north):
    assert north.relay.last_head(north.name) is None
    north.show(4)
    north.show(4)
    north.show(9, since=4)
    with gateway.join(f"auditor{next(_numbers)}", "owner") as auditor:
        assert auditor.last_head(north.name) == north.head(9)
        assert auditor.heads(north.name) == [north.head(4), north.head(9)]
        assert auditor.forks(north.name) == []


@pytest.mark.parametrize(
    ("size", "since", "leaves"), [(3, 3, LEAVES), (4, 4, OTHER), (9, 4, OTHER)]
)
def test_a_fork_is_refused_and_both_heads_are_kept(north, size, since, leaves):
    north.show(4)
    with pytest.raises(ForkError, match="not the one that was shown before"):
        north.show(size, since, leaves)
    with pytest.raises(ForkError):
        north.show(size, since, leaves)
    assert north.relay.forks(north.name) == [(north.head(4), north.head(size, leaves))]
    assert north.relay.last_head(north.name) == north.head(4)


def test_a_proof_from_another_head_says_where_to_begin(north):
    north.show(4)
    with pytest.raises(SpecError, match="does not start from the 4"):
        north.show(9, since=3)
    assert north.relay.forks(north.name) == []


def test_only_the_domain_itself_shows_its_log(gateway, north):
    other = Domain(gateway)
    with other.relay, pytest.raises(TrustError, match="another domain's"):
        other.relay.witness(other.keyring.sign(KIND, north.head(4).body), since=0, proof=())
    with Raw(gateway.address, other.relay) as raw:
        body = {"head": north.head(4).to_mapping(), "since": 0, "proof": []}
        assert raw("PUT", f"/v1/heads/{north.name}", json=body).status_code == 403
        body["head"] = other.head(4).to_mapping() | {"kind": "card"}
        assert raw("PUT", f"/v1/heads/{other.name}", json=body).status_code == 403
    assert north.relay.last_head(north.name) is None


def test_a_scientist_has_no_log(gateway):
    name = f"alice{next(_numbers)}"
    alice = Domain(gateway, SycKeyring.generate(name, "scientist"))
    with alice.relay, pytest.raises(TrustError, match="registered as scientist"):
        alice.show(4)


def test_after_a_rotation_the_new_keys_go_on_where_the_old_ones_ended(gateway, north):
    north.show(4)
    later = Domain(gateway, north.keyring.rotated(at=1.0))
    with later.relay:
        later.show(9, since=4)
        assert later.relay.heads(north.name) == [north.head(4), later.head(9)]
        with pytest.raises(TrustError):  # what the old keys sign is taken no more
            later.relay.witness(north.head(12), since=9, proof=proof(9, 12))


@pytest.mark.parametrize(
    "body",
    [
        {}, {"head": {}}, {"head": 1, "since": 0, "proof": []},
        {"since": "0"}, {"since": True}, {"since": -1}, {"since": 1 << 80},
        {"proof": [1]}, {"proof": ["00"]}, {"proof": ["zz" * 32]}, {"proof": ["0" * 64] * 65},
        {"proof": {}},
    ],
    ids=repr,
)  # fmt: skip
def test_a_strange_body_is_refused(gateway, north, body):
    north.show(4)
    whole = {"head": north.head(9).to_mapping(), "since": 4, "proof": []}
    with Raw(gateway.address, north.relay) as raw:
        answer = raw("PUT", f"/v1/heads/{north.name}", json={**whole, **body} if body else body)
    assert answer.status_code in (403, 422)


def test_who_is_not_there_has_no_heads(north):
    assert north.relay.last_head("nobody") is None
    assert north.relay.heads("nobody") == []


def test_a_page_is_not_the_end(gateway, north, monkeypatch):
    monkeypatch.setattr("darkroom.gateway.witness.PAGE", 2)
    for size in range(1, 8):
        north.show(size, since=size - 1)
    assert [head.body["size"] for head in north.relay.heads(north.name)] == list(range(1, 8))
    assert north.relay.last_head(north.name) == north.head(7)


def test_old_heads_are_thinned_to_the_last_of_each_day(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "KEPT_ALL", 3)
    database = Database(tmp_path / "gateway.sqlite")
    store = SqliteHeads(database)
    for number in range(12):  # four a day
        store.judge("north", {"body": {}, "n": number}, lambda _: Ruling(new=True), now=number * DAY / 4)  # fmt: skip
    assert [said["n"] for _, said in store.heads("north", after=0, limit=99)] == [3, 7, 9, 10, 11]
    database.close()


def test_evidence_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "MAX_FORKS", 2)
    database = Database(tmp_path / "gateway.sqlite")
    store = SqliteHeads(database)
    store.judge("north", {"body": {}}, lambda _: Ruling(new=True), now=0.0)
    for number in range(5):
        store.judge("north", {"n": number}, lambda _: Ruling("no", fork=True), now=float(number))
    assert [refused["n"] for _, refused in store.forks("north")] == [0, 1]
    database.close()


def test_what_was_witnessed_survives_kill_9(tmp_path):
    with GatewayProcess(tmp_path / "state") as process:
        north = Domain(process)
        with north.relay:
            north.show(4)
        process.kill()
        with GatewayProcess(tmp_path / "state", port=process.port) as again:
            north = Domain(again, north.keyring)
            with north.relay, pytest.raises(ForkError):
                north.show(9, 4, OTHER)


def test_a_store_of_before_is_brought_up_to_date(tmp_path):
    import sqlite3

    path = tmp_path / "gateway.sqlite"
    db = sqlite3.connect(path)
    db.executescript(f"{VERSION_1} PRAGMA user_version = 1;")
    db.close()
    database = Database(path)
    assert SqliteHeads(database).last("north") is None
    database.close()
    assert SCHEMA_VERSION == 3


def test_a_name_that_is_freed_takes_its_heads_along(tmp_path):
    from darkroom.bootstrap.gateway import forget_identity
    from tests.gateway.serving import serving

    with serving(tmp_path) as gateway:
        north = Domain(gateway)
        with north.relay:
            north.show(4)
        forget_identity(tmp_path, north.name)
        with gateway.join("reader", "owner") as reader:
            assert reader.heads(north.name) == []
            with pytest.raises(UnknownNameError):
                reader.identity(north.name)
