"""A1, A2, A4b, A18: a message says that it comes from the owner, or from another scientist.

The stock engine takes the name inside a message for its sender once the envelope opened.
"""

import secrets

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.model.letter import Letter
from darkroom.post import codec
from tests.attack.pysyft.impostor import Impostor
from tests.attack.pysyft.site import ALICE, BOB, NORTH, OLGA
from tests.attack.pysyft.stock import town as stock
from tests.attack.pysyft.stock.client import run_approved
from tests.attack.worlds import deliver


ADMIN = "rules:\n- pattern: '**'\n  access:\n    admin: ['bob@town.example']\n"
ANOTHER = "another sender than the one who sent it"
OUTSIDE = "outside the sender's own inbox"


# ------------------------------------------------------------------------- A1: an own approval


@pytest.mark.attack("A1", control="off")
def test_stock_a_scientist_approves_an_own_job_as_the_owner(town):
    state = stock.review(stock.BOB) + "/state.yaml"
    town.say(stock.BOB, town.hostile_job(stock.BOB))
    town[stock.NORTH].sync()
    assert town.state(by=stock.BOB) == "pending"
    town[stock.NORTH].sync()  # the engine tells bob of the state, and so its hash
    town[stock.BOB].sync()

    known = town.hash_of(state, by=stock.BOB)
    town.say(stock.BOB, {state: stock.APPROVED}, sender=stock.NORTH, old_hash=known)
    town[stock.NORTH].sync()

    assert town.state(by=stock.BOB) == "approved"
    run_approved(town[stock.NORTH])
    assert town.ran


@pytest.mark.attack("A1b", control="off")
def test_stock_a_job_brings_its_approval_and_runs_without_the_owner(town):
    state = {stock.review(stock.BOB) + "/state.yaml": stock.APPROVED}
    town.say(stock.BOB, town.hostile_job(stock.BOB) | state, sender=stock.NORTH)

    town[stock.NORTH].sync()
    run_approved(town[stock.NORTH])

    assert town.ran


@pytest.mark.attack("A1", control="on")
@pytest.mark.parametrize("sender", [NORTH, OLGA, ALICE, "north", "", f"{BOB} "])
def test_an_approval_in_anybodys_name_is_put_aside(site, sender):
    waiting = site.honest(site.bob)
    site.settle()
    state = stock.review(BOB) + "/state.yaml"
    before = site.job(waiting)

    aside = site.attack({state: stock.APPROVED}, sender=sender)

    site.refuses(ANOTHER, aside)
    assert site.job(waiting) == before


@pytest.mark.attack("A1b", control="on")
@pytest.mark.parametrize("sender", [NORTH, OLGA, ALICE])
def test_a_job_with_its_approval_in_anybodys_name_is_put_aside(site, sender):
    state = {stock.review(BOB) + "/state.yaml": stock.APPROVED}

    site.refuses(ANOTHER, site.attack(state, beside=True, sender=sender))


@pytest.mark.attack("A1", "A1b", control="on")
@pytest.mark.parametrize(
    "path",
    [
        stock.review(BOB) + "/state.yaml",
        stock.review(BOB, "other") + "/state.yaml",
        stock.review(ALICE) + "/state.yaml",
        stock.review(BOB) + "/outputs/result.json",
        stock.review(BOB) + "/returncode.txt",
    ],
)
def test_a_state_in_ones_own_name_is_put_aside(site, path):
    site.refuses(
        OUTSIDE,
        site.attack({path: stock.APPROVED}),
        site.attack({path: stock.APPROVED}, beside=True),
    )


@pytest.mark.attack("A1b", control="on")
@pytest.mark.parametrize("name", ["state.yaml", "syft.pub.yaml", "outputs/result.json"])
def test_a_job_folder_holds_nothing_beside_its_three_entries(site, name):
    path = f"{stock.inbox(BOB)}/{name}"

    site.refuses("does not belong into a job folder", site.attack({path: "x"}, beside=True))


# ------------------------------------------------------------------- A2: in another's inbox


@pytest.mark.attack("A2", control="off")
def test_stock_a_job_appears_as_somebody_elses(town):
    town.say(stock.BOB, town.hostile_job(stock.ALICE), sender=stock.ALICE)

    town[stock.NORTH].sync()

    assert town.state(by=stock.ALICE) == "pending"
    assert town.job(by=stock.ALICE).submitted_by == stock.ALICE


@pytest.mark.attack("A2", control="on")
def test_nobody_submits_in_anothers_name(site):
    hers = site.files(site.alice)

    site.refuses(ANOTHER, site.attack(hers, sender=ALICE))


@pytest.mark.attack("A2", control="on")
def test_nobody_submits_into_anothers_inbox(site):
    hers = site.files(site.alice)

    site.refuses(OUTSIDE, site.attack(hers), site.attack(hers, beside=True))


@pytest.mark.attack("A2", control="on")
def test_what_a_config_says_of_its_submitter_is_not_believed(site):
    """As in the engine the path decides; here the path must be the sender's."""
    files = site.files(site.bob)
    config = stock.inbox(BOB) + "/config.yaml"
    job = site.attack(files | {config: files[config] + f"submitted_by: {ALICE}\n"})
    site.settle()

    assert site.job(job).submitter == "bob"


@pytest.mark.attack("A2", control="on")
def test_a_job_id_of_somebody_else_is_not_taken_over(site):
    hers = site.honest()
    site.settle()
    before = site.job(hers)

    site.say(site.bob, site.message(site.bob, site.files(site.bob)), job_id=hers)
    site.settle()

    assert site.job(hers) == before
    assert site.bob.letters("job.state") == []
    assert site.state_of(hers) == "screened"


# ------------------------------------------------------------------- A4b: rules from outside


@pytest.mark.attack("A4b", control="off")
def test_stock_a_scientist_becomes_admin_of_the_datasite(town):
    town.say(stock.BOB, {"syft.pub.yaml": ADMIN}, sender=stock.NORTH)
    town[stock.NORTH].sync()

    nobody = "nobody@town.example"  # a folder that has no rules of its own
    state = {stock.review(nobody) + "/state.yaml": stock.APPROVED}
    town.say(stock.BOB, town.hostile_job(nobody) | state)  # now in bob's own name
    town[stock.NORTH].sync()

    assert town.state(by=nobody) == "approved"


@pytest.mark.attack("A4", control="off")
def test_stock_the_rules_of_ones_own_inbox_are_kept_too(town):
    """The engine itself blocks this one: only an admin writes a permission file."""
    rules = f"app_data/job/inbox/{stock.BOB}/syft.pub.yaml"
    before = (town.site(stock.NORTH) / rules).read_text()

    town.say(stock.BOB, {rules: ADMIN})
    town[stock.NORTH].sync()

    assert (town.site(stock.NORTH) / rules).read_text() == before


@pytest.mark.attack("A4", "A4b", control="on")
@pytest.mark.parametrize("sender", [NORTH, BOB])
@pytest.mark.parametrize(
    "path",
    [
        "syft.pub.yaml",
        f"app_data/job/inbox/{BOB}/syft.pub.yaml",
        f"app_data/job/inbox/{BOB}/v1/syft.pub.yaml",
        "app_data/job/review/syft.pub.yaml",
    ],
)
def test_no_rules_are_taken_from_outside(site, path, sender):
    site.refuses(
        OUTSIDE if sender == BOB else ANOTHER,
        site.attack({path: ADMIN}, sender=sender),
        site.attack({path: ADMIN}, sender=sender, beside=True),
    )


@pytest.mark.attack("A4", control="on")
def test_rules_within_the_code_are_only_a_file(site):
    """There it is text like any other, hashed with the rest; nothing here reads rules."""
    path = stock.inbox(BOB) + "/code/syft.pub.yaml"
    job = site.attack({path: ADMIN}, beside=True)
    site.settle()

    assert site.state_of(job) == "screened"
    assert "code/syft.pub.yaml" in site.job(job).request.spec.files


# ------------------------------------------------------------ A18: a stranger runs the relay


@pytest.mark.attack("A18", control="off")
def test_stock_who_runs_the_relay_makes_itself_a_peer(town):
    eve = Impostor(town, "eve@town.example")
    eve.enter_peers(stock.NORTH)
    town.open(stock.NORTH)  # as after a restart

    state = {stock.review(eve.address) + "/state.yaml": stock.APPROVED}
    eve.send(stock.NORTH, town.hostile_job(eve.address) | state, sender=stock.NORTH)
    town[stock.NORTH].sync()
    run_approved(town[stock.NORTH])

    assert town.ran


@pytest.mark.attack("A18", control="on")
@pytest.mark.parametrize("inner", ["eve", "bob", "olga", "north"])
def test_who_runs_the_gateway_is_nobody_at_the_domain(site, inner):
    """The directory, the admission list and the mailbox are all the gateway's own."""
    eve = SycKeyring.generate("eve", "scientist")
    site.exchange.identities["eve"] = eve.identity
    files = {p.replace(BOB, "eve@darkroom"): t for p, t in site.files(site.bob).items()}
    message = site.message(site.bob, files, sender=f"{inner}@darkroom")
    letter = Letter(
        id=secrets.token_hex(16), kind="pysyft.submit", sender="eve", recipient="north",
        sent_at=site.clock.now(), body=site.body(),
    )  # fmt: skip
    sealed = eve.seal(codec.encode_letter(letter, {"message": message}, {}), site.keyring.identity)
    deliver(site, sealed, sender="eve")
    good = site.honest()
    site.settle()

    assert [job.job_id for job in site.store.jobs()] == [good]
    ((_, sender, reason),) = site.store.quarantined()
    assert sender == "eve"
    assert "not pinned" in reason
    assert "letter-quarantined" in site.events()
    assert not site.sandbox.started
