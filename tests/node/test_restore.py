"""A restored domain: nothing that was under way goes on, and nothing is spent a second time."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.errors import EnvelopeError, SpecError
from darkroom.model.audit_entry import EPOCH_OPENED
from darkroom.model.budget import DAY, Budget
from darkroom.model.override import GATEWAY_LOST, NOTHING_RAN, Override
from darkroom.model.override import KIND as OVERRIDE
from darkroom.model.tree_head import KIND, TreeHead
from darkroom.node import words
from darkroom.policy.ledger import CLOSED, period
from tests.node.backups import copied, everything, look, notices, put_back, restored
from tests.node.receipts import released
from tests.node.test_standing import say_seen, standing
from tests.node.village import Village, invitation, invited


WEEK = Budget(name="week", per="dataset", period_days=7, releases=3)


def shown(village: Village) -> TreeHead:
    return TreeHead.from_body(village.relay.last_head("north").body)


def rejected_for(village: Village) -> str:
    """Why the next job is turned down; "" when it waits for review."""
    request = village.submitted()
    record = village.job(request.job_id)
    return " ".join(record.reasons) if record.state == "rejected" else ""


def overridden(
    village: Village, head: TreeHead | None = None, purpose=NOTHING_RAN, epoch: int | None = None
) -> None:
    """The owner signs that nothing ran since the backup, or that the gateway lost its store."""
    with village.store.transaction():
        now = village.store.tree_head("north", village.clock.now())
    head = head or now
    word = {"head": head.to_body(), "purpose": purpose, "epoch": epoch or head.epoch}
    said = village.owner.keyring.sign(OVERRIDE, {**word, "reason": "I know"})
    village.node.service.send_once()
    everything(village.owner, "owner.notice")  # the new keys of the domain
    village.owner.say("owner.override", {"override": said.to_mapping()})
    village.settle()


def test_every_open_job_ends_and_what_it_held_is_spent(village):
    village.in_force(budgets=(WEEK,))
    screened = village.submitted()
    approved = village.submitted()
    produced = village.produced()
    village.approve(approved)
    village.poll()
    copy = copied(village)
    restored(village, copy)
    village.settle()
    states = {r.job_id: (r.state, r.reasons) for r in village.store.jobs()}
    assert states[screened.job_id] == ("rejected", (words.RESTORED,))
    assert states[approved.job_id] == ("rejected", (words.RESTORED,))
    assert states[produced.job_id] == ("withheld", (words.RESTORED,))
    kinds = [village.store.reservation(job).kind for job in states]
    assert kinds == ["settle"] * 3
    told = {
        s.body["job_id"]: s.body["state"] for s in everything(village.alice, "job.state")
    }  # the last word about each
    assert told == {job: state for job, (state, _) in states.items()}


def test_a_new_epoch_is_an_entry_with_a_signed_head_and_the_gateway_takes_it(village):
    village.in_force()
    look(village)
    copy = copied(village)
    village.submitted()
    look(village)
    before = shown(village)
    opened = restored(village, copy)
    assert (opened.number, village.store.epoch()) == (2, 2)
    events = [event for event, _, _ in village.store.events()]
    assert EPOCH_OPENED in events
    look(village)
    assert standing(village) == "level"
    assert village.exchange.forks == []
    assert shown(village).epoch == 2
    assert shown(village).size > 0 < before.size
    village.store.verify()


def test_what_is_left_of_the_period_counts_as_spent_and_the_next_one_is_whole(village):
    village.in_force(budgets=(WEEK,))
    copy = copied(village)
    restored(village, copy)
    village.poll()
    assert CLOSED in rejected_for(village)
    everything(village.owner, "owner.notice")
    village.owner.say("budget.ask", {})
    village.settle()
    (said,) = everything(village.owner, "budget.state")
    (account,) = said.body["accounts"]
    assert (account["spent"]["releases"], account["closed"]) == (3, True)
    _, ends = period(WEEK, village.clock.now())
    village.clock.forward(ends - village.clock.now() + DAY)
    assert rejected_for(village) == ""


def test_a_clock_that_is_set_back_opens_no_period_before_the_restore(village):
    village.in_force(budgets=(WEEK,))
    copy = copied(village)
    restored(village, copy)
    village.poll()
    village.clock._now -= 2 * 7 * DAY
    assert CLOSED in rejected_for(village)


def test_free_jobs_go_on_after_a_restore(village):
    village.in_force(budgets=(WEEK,))
    restored(village, copied(village))
    village.poll()
    request = village.submitted(tier="mock")
    assert village.state_of(request.job_id) == "screened"


def test_what_was_sealed_for_the_old_epoch_is_not_opened_and_its_sender_hears_so(village):
    village.in_force()
    copy = copied(village)
    late = village.request()
    village.submit(late)  # it lies in the mailbox
    envelope = village.exchange.mailboxes["north"][-1].envelope
    restored(village, copy)
    village.settle()
    assert village.store.job(late.job_id) is None
    assert "letter-quarantined" in village.events()
    with pytest.raises(EnvelopeError):
        village.keyring.open(envelope, village.alice.keyring.identity)
    (told,) = everything(village.alice, "domain.restored")
    assert told.body["epoch"] == 2
    assert told.body["opened_at"] >= village.store.opened_epoch().opened_at
    assert CLOSED in rejected_for(village)  # a new letter, under the new keys, is read


def test_old_votes_approvals_and_invitations_are_void(village):
    village.in_force()
    request = village.submitted()
    offer = invitation(village)
    invited(village, offer)
    village.settle()
    copy = copied(village)
    approve = village.decision(request.job_id, "code", "approve", request.job_digest)
    restored(village, copy)
    village.settle()
    assert village.store.invitation(offer.id) is None
    everything(village.owner, "owner.notice")
    village.owner.say("owner.decision", {"decision": approve.to_mapping()})  # signed before
    village.settle()
    assert village.state_of(request.job_id) == "rejected"
    assert "not done" in notices(village)


def test_results_that_were_released_and_not_delivered_still_arrive(village):
    village.in_force()
    request = village.produced()
    village.release(request.job_id)
    village.exchange.full.add("alice")
    village.settle()
    assert village.state_of(request.job_id) == "released"
    restored(village, copied(village))
    village.exchange.full.clear()
    village.clock.forward(400)
    village.settle()
    (result,) = everything(village.alice, "job.result", request.job_id)
    assert result.body["release"]["key"] == village.keyring.identity.statement_key


# ------------------------------------------------------------------------------ the owner's word


def test_the_owner_lifts_it_with_a_signed_word_for_this_epoch(village):
    village.in_force(budgets=(WEEK,))
    restored(village, copied(village))
    village.poll()
    overridden(village)
    assert village.store.opened_epoch().believed
    assert "epoch-believed" in village.events()
    assert rejected_for(village) == ""
    assert "is believed" in notices(village)


def test_an_override_by_file_beside_the_database(village):
    village.in_force(budgets=(WEEK,))
    restored(village, copied(village))
    village.poll()
    head = TreeHead.from_body(village.store.last_head().body)
    said = village.owner.keyring.sign(
        OVERRIDE, Override(head=head, purpose=NOTHING_RAN, epoch=2).to_body()
    )
    box = village.state / "override.signed.json"
    box.write_text(json.dumps({"override": said.to_mapping()}))
    village.poll()
    assert rejected_for(village) == ""


def test_an_override_of_anything_else_lifts_nothing(village):
    village.in_force(budgets=(WEEK,))
    restored(village, copied(village))
    village.poll()
    with village.store.transaction():
        head = village.store.tree_head("north", village.clock.now())
    for wrong in (
        replace(head, epoch=1),
        replace(head, epoch=3),
        replace(head, domain="south"),
        replace(head, size=head.size + 1000),
        replace(head, root="0" * 64),
        replace(head, ledger=replace(head.ledger, number=7)),
    ):
        overridden(village, wrong)
        assert not village.store.opened_epoch().believed, wrong
    for purpose, epoch in (
        ("", 2),
        ("both", 2),
        (NOTHING_RAN, 1),
        (NOTHING_RAN, 3),
        (GATEWAY_LOST, 1),
    ):
        overridden(village, head, purpose, epoch)
    assert village.events().count("override-refused") == 11
    word = Override(head=head, purpose=NOTHING_RAN, epoch=2)
    said = village.bob.keyring.sign(OVERRIDE, word.to_body())
    village.owner.say("owner.override", {"override": said.to_mapping()})
    village.owner.say("owner.override", {"override": {"x": 1}})
    village.owner.say("owner.override", {})
    village.settle()
    assert not village.store.opened_epoch().believed
    assert village.events().count("override-refused") == 14


def test_an_override_counts_for_no_later_restore(village):
    village.in_force(budgets=(WEEK,))
    restored(village, copied(village))
    village.poll()
    overridden(village)
    said = next(
        detail["override"]
        for event, _, detail in village.store.events()
        if event == "epoch-believed"
    )
    restored(village, copied(village, "second.db"))
    village.settle()
    assert village.store.epoch() == 3
    everything(village.owner, "owner.notice")
    village.owner.say("owner.override", {"override": said})
    village.settle()
    assert "it is for epoch 2" in notices(village)
    assert CLOSED in rejected_for(village)


def test_an_override_speaks_for_one_restore_and_an_earlier_one_may_be_named(village):
    village.in_force(budgets=(WEEK,))
    restored(village, copied(village))
    village.settle()
    restored(village, copied(village, "second.db"))
    village.settle()
    overridden(village)
    assert [one.believed for one in village.store.restores()] == [False, True]
    assert "what epoch 2 closed stays closed" in notices(village)
    assert CLOSED in rejected_for(village)
    overridden(village, epoch=2)
    assert rejected_for(village) == ""


def test_a_result_of_the_backup_that_names_any_other_file_ends_the_restore(village):
    village.in_force()
    request = village.produced()
    village.release(request.job_id)
    village.exchange.full.add("alice")
    village.settle()
    for number, place in enumerate(("keys.json", "/etc/passwd", f"outputs/{'b' * 32}/counts")):
        copy = copied(village, f"{number}.db")
        with closing(sqlite3.connect(copy)) as swapped, swapped:
            swapped.execute(
                "UPDATE outbox SET files = ? WHERE kind = 'job.result'",
                (json.dumps({"output/counts": place}),),
            )
        with pytest.raises(SpecError, match="none of its own"):
            restored(village, copy)
    with closing(SqliteNodeStore(village.state / "node.db")) as store:
        assert store.epoch() == 1


def test_a_gateway_that_lost_its_store_is_gone_on_with_by_the_owners_word(village):
    village.in_force()
    look(village)
    village.exchange.heads["north"].clear()
    look(village)
    assert standing(village) == "unknown"
    assert f"--because {GATEWAY_LOST}" in notices(village)
    overridden(village, purpose=NOTHING_RAN)  # true as it is, it is no answer to that
    look(village)
    assert standing(village) == "unknown"
    overridden(village, purpose=GATEWAY_LOST)
    assert "gateway-lost" in village.events()
    look(village)
    look(village)
    assert standing(village) == "level"
    assert shown(village).size == village.store.audit_size()


def test_the_owners_word_does_not_help_an_old_copy(village):
    village.in_force()
    look(village)
    copy = copied(village)
    village.submitted()
    look(village)
    put_back(village, copy)
    village.poll()
    overridden(village, purpose=GATEWAY_LOST)
    look(village)
    assert standing(village) == "behind"


# ------------------------------------------------------------------------------- more than once


def test_a_second_restore_of_the_same_backup_is_a_fork_of_its_epoch(village):
    village.in_force(budgets=(WEEK,))
    look(village)
    copy, before = copied(village), village.keyring
    restored(village, copy)
    look(village)
    first = village.keyring
    # Under the same keys: under those of the backup the directory refuses its name.
    village.keyring = before
    restored(village, copy)
    village.keyring = first
    village.restart()
    look(village)
    assert standing(village) == "behind"
    assert "a fork" in village.node.standing.found.why
    restored(village, copy, known=(shown(village),))  # what the gateway was shown, given along
    look(village)
    assert (standing(village), village.store.epoch()) == ("level", 3)


def test_a_restore_under_a_clock_that_is_behind_is_found(village):
    village.in_force()
    look(village)
    copy = copied(village)
    village.clock.forward(30 * DAY)
    village.submitted()
    look(village)
    village.clock._now -= 40 * DAY
    opened = restored(village, copy)
    assert opened.opened_at < shown(village).at
    seen = shown(village)
    look(village)
    assert standing(village) == "behind"
    look(village)  # by now the gateway has a head of the new epoch
    assert standing(village) == "behind"
    assert restored(village, copy, known=(seen, shown(village))).opened_at >= seen.at


def test_a_receipt_of_the_epoch_that_was_lost_is_no_reproach(village):
    village.in_force()
    copy = copied(village)
    _, receipt = released(village)
    head = receipt.proof.head
    restored(village, copy)
    village.poll()
    village.alice.pins["north"] = village.keyring.identity
    say_seen(village, head.to_mapping())
    assert standing(village) == "level"
    high = village.keyring.sign(KIND, {**head.body, "epoch": 3})
    say_seen(village, high.to_mapping())
    assert standing(village) == "behind"
