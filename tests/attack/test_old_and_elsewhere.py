"""T16, T19, T30: the right words at the wrong place or time."""

from dataclasses import replace

import pytest

from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap.node_assembly import SIGNED_POLICY
from darkroom.model.job import JobRequest
from darkroom.node import review
from tests.attack.worlds import deliver
from tests.node.village import Village, keys


OTHER = "sha256:" + "b" * 64


def blind(monkeypatch: pytest.MonkeyPatch, village: Village, **assumed: str) -> None:
    """The node reads a request as if it said what it should say."""
    honest = JobRequest.from_mapping.__func__
    monkeypatch.setattr(
        JobRequest,
        "from_mapping",
        classmethod(lambda cls, value: replace(honest(cls, value), **assumed)),
    )


def asked_for(village: Village) -> bool:
    return bool(village.owner.letters("review.request"))


# -------------------------------------------------------------------------------- elsewhere


@pytest.mark.attack("T16", control="off")
def test_a_node_that_does_not_look_at_the_audience_takes_every_job(village, monkeypatch):
    village.in_force()
    with monkeypatch.context() as patch:
        blind(patch, village, audience="north")
        village.submitted(audience="east")

    assert asked_for(village)


@pytest.mark.attack("T16", control="on")
@pytest.mark.parametrize("audience", ["east", "north2", "all", "nort"])
def test_a_job_for_another_domain_is_refused(village, audience):
    village.in_force()
    request = village.submitted(audience=audience)

    assert village.state_of(request.job_id) == "rejected"
    assert "another domain" in village.alice.letters("job.state")[-1].body["reasons"][0]
    assert not asked_for(village)
    assert "job-rejected" in village.events(request.job_id)


@pytest.mark.attack("T16", control="on")
def test_an_envelope_for_another_domain_does_not_even_open(village):
    """The gateway delivers east's mail to north."""
    village.in_force()
    village.alice.pins.pin(keys("east", "domain").identity)
    letter = village.alice.post.write("job.cancel", "east", {"job_id": "0" * 32})
    village.exchange.client("east").register(keys("east", "domain").identity)
    village.exchange.client("east").admit("alice")
    village.alice.post.send(letter)
    (parcel,) = village.exchange.mailboxes["east"]

    deliver(village, parcel.envelope, sender="alice")
    village.settle()

    assert len(village.store.quarantined()) == 1
    assert village.store.jobs() == []


# ------------------------------------------------------------------------------- old footage


@pytest.mark.attack("T19", control="off")
def test_a_node_that_does_not_look_at_the_version_takes_a_job_for_old_footage(village, monkeypatch):
    village.in_force()
    with monkeypatch.context() as patch:
        blind(patch, village, dataset_version=village.manifest.version)
        village.submitted(dataset_version=OTHER)

    assert asked_for(village)


@pytest.mark.attack("T19", control="on")
def test_a_job_for_a_version_that_is_not_in_force_is_refused(village):
    village.in_force()
    request = village.submitted(dataset_version=OTHER)

    assert village.state_of(request.job_id) == "rejected"
    assert not asked_for(village)


@pytest.mark.attack("T19", control="on")
def test_a_vote_counts_for_the_bytes_that_were_seen_and_no_others(village):
    """The owner saw the first job; the scientist sends a second one with another tree."""
    village.in_force()
    seen = village.submitted()
    other = village.submitted(split="camera")

    village.decide(other.job_id, "code", "approve", seen.job_digest)
    village.settle()

    assert village.state_of(other.job_id) == "screened"
    assert village.sandbox.started == []


# ------------------------------------------------------------------------------- old policies


@pytest.mark.attack("T30", "T18", control="off")
def test_without_a_rising_version_an_older_policy_comes_back(village, monkeypatch):
    """The second control, that the newest in the database counts, is taken away as well."""
    generous = village.policy(version=1)
    village.in_force(version=2, grants=())
    monkeypatch.setattr(review, "succeeds", lambda *_, **__: "")
    said = {}
    honest = SqliteNodeStore.put_policy

    def put(self, statement, version, at):
        said["last"] = statement
        honest(self, statement, version, at)

    monkeypatch.setattr(SqliteNodeStore, "put_policy", put)
    monkeypatch.setattr(SqliteNodeStore, "policy", lambda _: said.get("last"))
    village.sign_policy(generous)
    village.settle()

    village.submitted()

    assert asked_for(village)


@pytest.mark.attack("T30", "T18", control="on")
@pytest.mark.parametrize("way", ["in a letter", "the same letter again", "beside the database"])
def test_an_older_policy_that_the_owner_really_signed_is_refused(village, way):
    import json

    generous = village.policy(version=1)
    statement = village.owner.keyring.sign("policy", generous.to_mapping())
    village.sign_policy(generous)
    old = village.exchange.mailboxes["north"][-1]
    village.settle()
    village.in_force(version=2, grants=())

    if way == "in a letter":
        village.sign_policy(generous)
    elif way == "the same letter again":
        deliver(village, old.envelope, sender="olga")
    else:
        name = village.state / SIGNED_POLICY
        name.write_text(json.dumps({"policy": statement.to_mapping()}))
    village.settle()
    request = village.submitted()

    assert village.store.policy().body["version"] == 2
    assert village.state_of(request.job_id) == "rejected"


@pytest.mark.attack("T30", control="on")
def test_a_state_of_a_newer_release_is_not_opened(village):
    from darkroom.errors import StateError

    village.store._db.execute("PRAGMA user_version = 9999")
    village.store.close()

    with pytest.raises(StateError):
        village.start()
