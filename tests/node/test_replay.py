"""`darkroom policy replay`: over what a node, or an owner, really did; and nothing is changed."""

import hashlib
import json

import pytest
from click.testing import CliRunner

from darkroom.adapters.sqlite.owner_store import SqliteOwnerStore
from darkroom.bootstrap.replay import replay_policy
from darkroom.cli import cli
from darkroom.errors import InputError
from darkroom.model.budget import Budget
from darkroom.model.owner_case import Case
from tests.node.village import rule, spec
from tests.owner.town import job, review_body


POLICY = """\
version: 9
domain: north
grants:
  - {scientist: alice, datasets: [plaza], tiers: [reviewed]}
budgets:
  - {name: ample, per: dataset, period_days: 7, releases: 2}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def story(village):
    """alice's code approved and released, one rejected, one by rule; bob's; a stale one."""
    village.store.set_fact("owner", "olga")
    village.in_force()
    done = village.produced()
    village.release(done.job_id)
    village.settle()
    no = village.submitted()
    village.decide(no.job_id, "code", "reject", no.job_digest)
    village.settle()
    bobs = village.request(village.bob)
    village.submit(bobs, village.bob)
    village.settle()
    stale = village.submitted(dataset_version="sha256:" + "e" * 64)
    village.in_force(version=2, rules=(rule(spec().code_digest),))
    by_rule = village.submitted()
    return {"done": done, "no": no, "bob": bobs, "stale": stale, "rule": by_rule}


def run(state, file, *more):
    done = CliRunner().invoke(
        cli,
        ["policy", "replay", str(file), "--state", str(state), *more],
        env={"COLUMNS": "300"},
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    return done.output


def digest(state):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in state.glob("node.db")}


def test_every_job_then_and_now(village, file):
    jobs = story(village)
    village.store.close()
    before = digest(village.state)
    said = json.loads(run(village.state, file, "--json"))
    rows = {row["job_id"]: row for row in said["jobs"]}
    told = {name: (rows[r.job_id]["then"], rows[r.job_id]["now"]) for name, r in jobs.items()}

    by_itself = f"rule {rule(spec().code_digest).name}, outputs leave by themselves"
    assert told == {
        "done": ("approved by olga", "approved by olga"),
        "no": ("rejected", "rejected"),
        "bob": (by_itself, "denied"),
        "stale": ("denied", "denied"),
        "rule": (by_itself, "waits for people"),
    }
    assert "newer version" in rows[jobs["stale"].job_id]["why"][0]
    assert said["counts"] == {"same": 3, "stricter": 2, "looser": 0, "open": 0}
    assert before == digest(village.state)
    village.start()


def test_a_table_of_what_would_differ_and_what_cannot_be_known(village, file):
    jobs = story(village)
    short, whole = run(village.state, file), run(village.state, file, "--all")

    assert "5 jobs under policy 9 of north: 2 would have gone another way" in short
    assert jobs["done"].job_id[:12] not in short
    assert jobs["done"].job_id[:12] in whole
    assert "What cannot be known" in short


def test_the_ledger_of_the_other_policy_runs_out(village, file):
    village.store.set_fact("owner", "olga")
    village.in_force(budgets=(Budget(name="ample", per="dataset", period_days=7, releases=50),))
    requests = [village.approved() for _ in range(3)]
    replayed = replay_policy(village.state, file)

    assert [row.past.request.job_id for row in replayed.rows] == [r.job_id for r in requests]
    assert [row.now for row in replayed.rows] == ["approved by olga"] * 2 + ["denied"]


def test_an_owners_copy_has_what_they_were_asked(tmp_path, file):
    state = tmp_path / "owner"
    store = SqliteOwnerStore(state / "owner.sqlite")
    store.set_fact("settings", {"domain": "north"})
    request = job()
    for number, verdict in enumerate(("approve", "reject", "")):
        again = job(job_id=f"{number:032x}")
        case = store.add_case(
            Case(
                id=0, subject="code", job_id=again.job_id, digest=again.job_digest,
                received_at=float(number), body=review_body(again),
            ),
            {},
        )  # fmt: skip
        if verdict:
            store.decide(case, verdict, "", 9.0)
    store.close()
    replayed = replay_policy(state, file)

    assert [row.then for row in replayed.rows] == ["approved by you", "rejected", "waits"]
    assert [row.now for row in replayed.rows] == ["approved by you", "rejected", "denied"]
    assert any("rule" in sentence for sentence in replayed.unknown)
    assert request.job_digest == replayed.rows[0].past.request.job_digest


def test_it_says_what_it_cannot_read(tmp_path, village, file):
    with pytest.raises(InputError, match="no node and of no owner"):
        replay_policy(tmp_path / "nowhere", file)
    village.in_force()
    file.write_text(POLICY.replace("domain: north", "domain: east"))
    with pytest.raises(InputError, match="is for east"):
        replay_policy(village.state, file)
