"""A7, A8: whoever runs the relay shows other keys, or shows an old message again."""

import secrets
import shutil
import sqlite3
from dataclasses import replace

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.errors import DarkroomError, NameTakenError
from darkroom.model.letter import Letter
from darkroom.post import codec
from darkroom.post.timing import MAX_AGE
from tests.attack.pysyft.impostor import Impostor
from tests.attack.pysyft.stock import town as stock
from tests.attack.worlds import deliver


# --------------------------------------------------------------------- A7: a swapped bundle


@pytest.mark.attack("A7", control="off")
def test_stock_a_bundle_swapped_at_the_relay_signs_as_that_peer(town):
    """The trust of an owner lies in `peers.json`, and `peers.json` lies at the relay."""
    false_alice = Impostor(town, stock.ALICE)
    false_alice.enter_peers(stock.NORTH)
    town.open(stock.NORTH)  # as after a restart

    false_alice.send(stock.NORTH, town.hostile_job(stock.ALICE))
    town[stock.NORTH].sync()

    assert town.state(by=stock.ALICE) == "pending"


@pytest.fixture(scope="module")
def false_bob() -> SycKeyring:
    return SycKeyring.generate("bob", "scientist")


@pytest.fixture(scope="module")
def false_north() -> SycKeyring:
    return SycKeyring.generate("north", "domain")


@pytest.mark.attack("A7", control="on")
@pytest.mark.parametrize("restarted", [False, True])
def test_a_domain_believes_its_own_pins_whatever_the_directory_shows(site, false_bob, restarted):
    site.exchange.identities["bob"] = false_bob.identity
    if restarted:
        site.restart()
    letter = Letter(
        id="ab" * 16, kind="pysyft.submit", sender="bob", recipient="north",
        sent_at=site.clock.now(), body=site.body(),
    )  # fmt: skip
    message = {"message": site.message(site.bob, site.files(site.bob))}
    sealed = false_bob.seal(codec.encode_letter(letter, message, {}), site.keyring.identity)
    deliver(site, sealed, sender="bob")
    good, his = site.honest(), site.honest(site.bob)  # the real bob is still heard
    site.settle()

    assert {job.job_id for job in site.store.jobs()} == {good, his}
    assert [sender for _, sender, _ in site.store.quarantined()] == ["bob"]
    assert "letter-quarantined" in site.events()
    assert site.store.get("bob") == site.bob.keyring.identity


@pytest.mark.attack("A7", control="on")
def test_a_domain_does_not_pin_again_what_it_has_pinned(site, false_bob):
    with pytest.raises(DarkroomError):
        site.store.pin(false_bob.identity)
    with pytest.raises(NameTakenError):
        site.exchange.client("bob").register(false_bob.identity)

    assert site.store.get("bob") == site.bob.keyring.identity


@pytest.mark.attack("A7", control="on")
def test_a_scientist_seals_for_the_pinned_domain_whatever_the_directory_shows(site, false_north):
    site.exchange.identities["north"] = false_north.identity
    site.honest()
    (parcel,) = site.exchange.mailboxes["north"]

    with pytest.raises(DarkroomError):
        false_north.open(parcel.envelope, site.alice.keyring.identity)
    assert b"pysyft.submit" in site.keyring.open(parcel.envelope, site.alice.keyring.identity)


@pytest.mark.attack("A7", control="on")
def test_a_scientist_believes_no_state_under_keys_of_the_gateway(site, false_north):
    """An answer as the domain writes it: approved, or rejected, or done."""
    job = site.honest()
    site.settle()
    heard = [dict(letter.body) for letter in site.alice.letters("job.state", job)]
    site.exchange.identities["north"] = false_north.identity
    letter = Letter(
        id="cd" * 16, kind="job.state", sender="north", recipient="alice",
        sent_at=site.clock.now(),
        body={"job_id": job, "state": "released", "reasons": [], "seq": 9, "shards": [1, 1]},
    )  # fmt: skip
    sealed = false_north.seal(codec.encode_letter(letter, {}, {}), site.alice.keyring.identity)
    deliver(site, sealed, sender="north", to="alice")

    (delivery,) = site.alice.post.receive(wait=0)
    assert delivery.letter is None
    assert delivery.problem
    site.alice.post.acknowledge(delivery.cursor)
    assert [dict(letter.body) for letter in site.alice.letters("job.state", job)] == heard


# ------------------------------------------------------------------------------ A8: a replay


@pytest.mark.attack("A8", control="off")
def test_stock_a_deleted_job_comes_back_when_its_message_does(town):
    town.submit(stock.ALICE)
    place = f"p2p/{stock.NORTH}/inbox/{stock.ALICE}/"
    (key,) = [k for k in town.relay.keys(place) if "msgv2" in k]
    message = town.relay.get(key)
    town[stock.NORTH].sync()
    town.job().reject("no")
    for folder in (stock.inbox(stock.ALICE), stock.review(stock.ALICE)):
        shutil.rmtree(town.site(stock.NORTH) / folder)
    town[stock.NORTH].sync()
    assert town.state() == ""

    town.relay.put(key, message)
    town[stock.NORTH].sync()

    assert town.state() == "pending"


def replay(site, parcel) -> None:
    """The gateway delivers it again, as new."""
    site.exchange.cursor += 1
    again = replace(parcel, cursor=site.exchange.cursor, id=secrets.token_hex(16))
    site.exchange.mailboxes.setdefault("north", []).append(again)


def delete(site, job: str) -> None:
    """What the database itself refuses to do; the memory of letters must hold without it."""
    db = site.store._db
    with pytest.raises(sqlite3.IntegrityError, match="kept"):
        db.execute("DELETE FROM jobs WHERE job_id = ?", (job,))
    for (trigger,) in db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    ).fetchall():
        db.execute(f"DROP TRIGGER {trigger}")
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute("DELETE FROM jobs WHERE job_id = ?", (job,))


@pytest.mark.attack("A8", control="on")
@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("gone", [False, True])
def test_an_old_message_is_acted_on_once(site, restarted, gone):
    """Also where the job is over, and even where somebody deleted it from the database."""
    job = site.honest()
    (parcel,) = site.exchange.mailboxes["north"]
    site.settle()
    site.decide(job, "code", "reject", site.job(job).job_digest)
    site.settle()
    assert site.state_of(job) == "rejected"
    if gone:
        delete(site, job)
    if restarted:
        site.restart()
    jobs, told = site.store.jobs(), len(site.alice.letters("job.state", job))

    for _ in range(3):
        replay(site, parcel)
    good = site.honest(name="later")
    site.settle()

    assert site.state_of(good) == "screened"
    assert [j for j in site.store.jobs() if j.job_id != good] == jobs
    assert len(site.alice.letters("job.state", job)) == told
    assert not site.sandbox.started


@pytest.mark.attack("A8", control="on")
def test_by_the_time_an_id_is_forgotten_its_letter_is_too_old(site):
    site.honest()
    (parcel,) = site.exchange.mailboxes["north"]
    site.settle()
    jobs = site.store.jobs()
    site.clock.forward(MAX_AGE + 1)
    site.store.forget_seen(site.clock.now())

    replay(site, parcel)
    site.settle()

    assert site.store.jobs() == jobs
    assert "days old" in site.store.quarantined()[-1][2]
