"""A4, A9, A10 at the owner's own notebook: the stock client on the review queue of a domain."""

import pytest
from syft_rds.job_auto_approval import auto_approve_and_run_jobs

from darkroom.errors import DeniedError
from tests.attack.pysyft.site import BOB, NORTH, Site
from tests.attack.pysyft.stock import town as stock
from tests.owner.datasite import log_in, village_office


MAIN = {"main.py": stock.HONEST}


@pytest.fixture
def owner(site: Site, monkeypatch):
    """Olga's stock client; both scientists are her peers."""
    monkeypatch.setenv("PRE_SYNC", "false")
    office = village_office(site)
    office.rules.sign_policy(site.policy(version=2), send=True)
    site.settle()
    owner = log_in(office, site.folder / "olga", now=site.clock.now)
    yield owner
    office.desk.store.close()


def waiting(site: Site, owner, changes: dict[str, str]) -> tuple[str, object]:
    """A job of bob with these files in place of his own; as his owner sees it."""
    files = site.files(site.bob, code=MAIN)
    job = site.attack(files | {f"{stock.inbox(BOB)}/{p}": text for p, text in changes.items()})
    site.settle()
    owner.client.sync()
    (found,) = [j for j in owner.client.job_client.jobs if j.submitted_by == BOB]
    return job, found


def process(owner) -> None:
    owner.client.process_approved_jobs(timeout=0, stream_output=False)


@pytest.mark.attack("A10", control="on")
def test_the_stock_packages_own_approval_signs_nothing(site, owner):
    """The very attack of the stock engine: the code is the known one, the launcher is not."""
    mark = site.folder / "ran"
    job, _ = waiting(site, owner, {"run.sh": f"#!/bin/bash\ntouch {mark}\n"})

    auto_approve_and_run_jobs(
        owner.client, required_file_contents=MAIN, required_file_paths=["main.py"], verbose=False
    )
    process(owner)
    site.settle()

    assert site.state_of(job) == "screened"
    assert not mark.exists()
    assert not site.sandbox.started


@pytest.mark.attack("A10", control="on")
def test_a_launcher_is_not_run_on_the_owners_machine_even_when_approved(site, owner):
    mark = site.folder / "ran"
    job, found = waiting(site, owner, {"run.sh": f"#!/bin/bash\ntouch {mark}\n"})

    found.approve("looks fine")
    process(owner)
    site.settle()
    process(owner)

    assert site.state_of(job) == "produced"  # in the domain's sandbox, by the module of ours
    assert not mark.exists()


@pytest.mark.attack("A9", control="on")
@pytest.mark.parametrize("file", ["run.sh", "code/main.py", "code/more.py", "config.yaml"])
def test_what_is_signed_is_what_lies_in_the_box_and_waits_at_the_domain(site, owner, file):
    """Changed between reading and processing, by whatever can write there: nothing is signed."""
    job, found = waiting(site, owner, {})
    found.approve("looks fine")
    place = found.job_submission_path / file
    place.write_text((place.read_text() if place.exists() else "") + "\n# changed\n")

    with pytest.raises(DeniedError, match="not those of the request"):
        process(owner)
    site.settle()

    assert site.state_of(job) == "screened"
    assert not site.sandbox.started


@pytest.mark.attack("A4", "A4b", control="on")
def test_no_file_of_a_job_becomes_rules_or_state_in_the_owners_box(site, owner):
    rules = {p: p.read_bytes() for p in owner.box.rglob("syft.pub.yaml")}
    hostile = {
        f"code/{name}": "rules:\n- pattern: '**'\n  access: {admin: ['bob@darkroom']}\n"
        for name in ("syft.pub.yaml", "lib/syft.pub.yaml", "up/SYFT.pub.yaml", "state.yaml")
    }
    job, found = waiting(site, owner, hostile)

    assert found.status == "pending"
    assert {p: p.read_bytes() for p in owner.box.rglob("syft.pub.yaml")} == rules
    assert not owner.client.sync_engine.datasite_owner_syncer.check_write_permission(
        BOB, f"{stock.review(BOB)}/state.yaml"
    )
    assert site.state_of(job) == "screened"
    assert NORTH == owner.client.email
