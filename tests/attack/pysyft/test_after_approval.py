"""A9, A14: what was approved is changed before it runs, or a state is changed by hand."""

import pytest

from tests.attack.pysyft.site import BOB
from tests.attack.pysyft.stock import town as stock
from tests.attack.pysyft.stock.client import run_approved


# ------------------------------------------------------------------------- the stock engine


@pytest.mark.attack("A9", control="off")
@pytest.mark.parametrize("file", ["run.sh", "code/job.py"])
def test_stock_a_submission_is_changed_after_its_approval(town, file):
    town.submit(stock.BOB, name="job")
    town[stock.NORTH].sync()
    town.job("job", by=stock.BOB).approve("looks fine")

    path = f"{stock.inbox(stock.BOB, 'job')}/{file}"
    text = f"open({str(town.folder / 'ran')!r}, 'w')" if file.endswith("py") else town.leaves_mark()
    town.say(stock.BOB, {path: text}, old_hash=town.hash_of(path, by=stock.BOB))
    town[stock.NORTH].sync()
    run_approved(town[stock.NORTH])

    assert town.ran


# --------------------------------------------------------------------------------- a domain


@pytest.fixture
def approved(site):
    """A job of bob that the owner has approved and that has not run."""
    job = site.honest(site.bob)
    site.settle()
    site.approve(site.job(job).request)
    site.poll()
    assert site.state_of(job) == "approved"
    return job


def ran(site) -> list[bytes]:
    """What the sandbox was given to run, as it lay there."""
    return [(t.code / "code/main.py").read_bytes() for t in site.sandbox.started if t.code]


@pytest.mark.attack("A9", control="on")
@pytest.mark.parametrize("file", ["run.sh", "code/main.py", "config.yaml"])
@pytest.mark.parametrize("old_hash", [None, "0" * 12])
def test_a_message_changes_nothing_that_was_submitted(site, approved, file, old_hash):
    """Alone it is no job; with the rest it is a second job, that waits as every other does."""
    before = site.job(approved)
    path = f"{stock.inbox(BOB)}/{file}"
    alone = site.attack({path: "import os\n"}, old_hash=old_hash)
    site.poll()
    assert site.job(approved) == before
    assert site.store.job(alone) is None

    same_id = site.files(site.bob) | {f"{stock.inbox(BOB)}/code/main.py": "import os\n"}
    site.say(site.bob, site.message(site.bob, same_id), job_id=approved)
    other = site.honest(site.bob, code="import os\n")
    site.settle()

    assert site.job(approved).code_digest == before.code_digest
    assert site.state_of(other) == "screened"
    assert len(ran(site)) > 0
    assert set(ran(site)) == {b"print('counted')\n"}


@pytest.mark.attack("A9", control="on")
@pytest.mark.parametrize("file", ["run.sh", "code/main.py", "pysyft_job.py"])
def test_what_is_changed_on_the_disk_after_the_approval_does_not_run(site, approved, file):
    """Every byte is in the digest that is looked at again, those of `run.sh` as well."""
    kept = site.state / "code" / site.job(approved).code_digest.removeprefix("sha256:") / file
    kept.chmod(0o600)
    kept.write_bytes(kept.read_bytes() + b"#")

    site.settle()

    assert site.state_of(approved) == "failed"
    assert not site.sandbox.started


@pytest.mark.attack("A9", control="on")
def test_a_vote_for_one_submission_is_none_for_the_next_of_that_name(site, approved):
    digest = site.job(approved).job_digest
    other = site.honest(site.bob, code="import os\n")
    site.settle()

    site.decide(other, "code", "approve", digest)
    site.settle()

    assert site.state_of(other) == "screened"


@pytest.mark.attack("A14", control="on")
def test_a_state_is_a_row_of_the_domains_database_and_no_file(site, approved):
    """Whoever writes files, in whatever folder of the domain, moves no job."""
    waiting = site.honest()
    site.poll()
    for folder in (site.folder, site.state, *site.state.iterdir()):
        if folder.is_dir():
            place = folder / stock.review("alice@darkroom")
            place.mkdir(parents=True)
            (place / "state.yaml").write_text(stock.APPROVED)

    site.settle()

    assert site.state_of(waiting) == "screened"
