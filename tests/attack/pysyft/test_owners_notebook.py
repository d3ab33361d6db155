"""A4, A9, A10 at the owner's own notebook: the stock client on the review queue of a domain."""

import pytest
from syft_rds.job_auto_approval import auto_approve_and_run_jobs

from darkroom.errors import DeniedError
from tests.attack.pysyft.site import ALICE, BOB, NORTH, Site
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


# --------------------------------------------------------- whose job it is, and what it starts


def listed(owner, name: str | int):
    owner.client.sync()
    return owner.client.job_client.jobs[name]


@pytest.mark.attack("A10", control="on")
def test_the_page_of_a_job_begins_with_what_really_starts(site, owner):
    """A harmless `main.py` and a launcher that names it, beside the entry point in a folder."""
    evil = "print('<b>EVIL</b>')\n"
    files = site.files(
        site.bob,
        code={"main.py": "# harmless\n", "job/start.py": evil},
        name="decoy",
        entrypoint="job/start.py",
    )
    files = {p: t.replace("python job/start.py", "python main.py") for p, t in files.items()}
    site.say(site.bob, site.message(site.bob, files), name="decoy")
    site.settle()

    found = listed(owner, "decoy")
    page = found._repr_html_()

    assert found.code == evil
    assert "<b>" not in page
    assert page.index("&lt;b&gt;EVIL") < page.index("# harmless") < page.index("#!/bin/bash")
    for told in (BOB, "code/job/start.py", "plaza", "result", "code/main.py"):
        assert told in page
    assert found.job_headers["darkroom"]["job_digest"] in page
    assert "code/job/start.py" in repr(found)
    assert BOB in repr(found)
    assert found.run_script.startswith(
        "# Nothing runs this file; Darkroom starts code/job/start.py\n#!/bin/bash\n"
    )


@pytest.mark.attack("A10", control="on")
@pytest.mark.parametrize("picked", ["count 1", 0])
def test_what_was_looked_at_is_what_is_picked_again(site, owner, capsys, picked):
    """By name or by place: a job of somebody else that comes in between changes neither."""
    hers = site.honest(site.alice, name="count 1")
    site.settle()
    assert listed(owner, picked).submitted_by == ALICE
    site.clock.forward(60)
    his = site.honest(site.bob, name="count 1", code="print('EVIL')\n")
    site.settle()

    found = listed(owner, picked)
    assert [j.name for j in owner.client.job_client.jobs] == ["count 1", f"count 1 ({his[:8]})"]
    found.approve("counts only")
    told = capsys.readouterr().out
    process(owner)
    site.settle()

    assert ALICE in told
    assert found.job_headers["darkroom"]["job_digest"] in told
    assert (site.state_of(hers), site.state_of(his)) == ("produced", "screened")


@pytest.mark.attack("A10", control="on")
def test_python_under_the_name_of_a_model_is_shown(site, owner):
    text = "print('EVIL python text')\n"
    code = {"main.py": "exec(open('weights.npz').read())\n", "weights.npz": text}
    site.honest(site.bob, name="w", code=code | {"models/more.npz": text})
    site.settle()

    found = listed(owner, "w")

    assert (found.code_dir / "weights.npz").read_text() == text
    assert (found.code_dir / "models/more.npz").read_text() == text
    assert found._repr_html_().count("EVIL python text") == 2


@pytest.mark.attack("A9", control="on")
@pytest.mark.parametrize("word", ["approve", "reject"])
def test_a_word_on_other_bytes_than_those_of_the_request_is_not_signed(site, owner, word):
    job, found = waiting(site, owner, {})
    (found.code_dir / "main.py").write_text("print('something else')\n")
    getattr(found, word)("read it")

    if word == "approve":
        with pytest.raises(DeniedError, match="not those of the request"):
            process(owner)
    else:
        owner.client.sync()
    site.settle()

    assert site.state_of(job) == "screened"
    assert owner.heard("it was not rejected") == (word == "reject")


@pytest.mark.attack("A9", control="on")
@pytest.mark.parametrize("word", ["approve", "reject"])
def test_a_job_that_was_read_gives_its_word_to_no_other_in_its_place(site, owner, word):
    job, found = waiting(site, owner, {})
    found.job_headers = {"darkroom": {"job_digest": "sha256:" + "00" * 32}}  # of what was there

    with pytest.raises(DeniedError, match="another job"):
        getattr(found, word)("read it")
    process(owner)
    site.settle()

    assert site.state_of(job) == "screened"
