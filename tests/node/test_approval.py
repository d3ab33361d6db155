"""HOP 5 and 7: how long an approval holds, who may give it, and how it is taken back."""

import threading
from dataclasses import replace

import pytest

from darkroom.model.airlock import Airlock
from darkroom.model.reviews import Reviewer, Reviews
from darkroom.policy.owner_word import DAY
from tests.node.village import card_of, rule, spec


def reasons(village, request):
    return village.job(request.job_id).reasons


def newer_footage(village):
    """The owner ingested again: another version of the dataset is in force."""
    manifest = replace(village.manifest, source="again")
    village.store.register_dataset(card_of(manifest), manifest.version)


# ------------------------------------------------------------------------------ how long


def test_an_approval_that_was_not_used_in_time_is_void(village):
    village.in_force()
    request = village.approved()
    village.clock.forward(14 * DAY)
    village.settle()

    assert village.state_of(request.job_id) == "rejected"
    assert "expired" in reasons(village, request)[0]
    assert village.sandbox.started == []
    assert village.events(request.job_id)[-1] == "approval-void"


def test_an_approval_holds_until_then(village):
    village.in_force()
    request = village.approved()
    village.clock.forward(14 * DAY - 1)
    village.settle()

    assert village.state_of(request.job_id) == "produced"


def test_the_owner_may_give_less_time_than_the_policy(village):
    village.in_force()
    request = village.submitted()
    village.decide(
        request.job_id, "code", "approve", request.job_digest,
        expires_at=village.clock.now() + 60,
    )  # fmt: skip
    village.poll()
    assert village.state_of(request.job_id) == "approved"
    village.clock.forward(61)
    village.settle()

    assert village.state_of(request.job_id) == "rejected"


def test_an_old_approval_that_comes_late_does_nothing(village):
    village.in_force()
    request = village.submitted()
    said = village.decision(
        request.job_id, "code", "approve", request.job_digest,
        decided_at=village.clock.now() - 14 * DAY,
    )  # fmt: skip
    village.owner.say("owner.decision", {"decision": said.to_mapping()})
    village.settle()

    assert village.state_of(request.job_id) == "screened"


def test_a_new_version_of_the_dataset_voids_what_was_approved_on_the_old_one(village):
    village.in_force()
    request = village.approved()
    newer_footage(village)
    village.settle()

    assert village.state_of(request.job_id) == "rejected"
    assert "newer version" in reasons(village, request)[0]
    assert village.sandbox.started == []


def test_a_new_version_turns_down_what_waits_for_the_owner(village):
    village.in_force()
    request = village.submitted()
    newer_footage(village)
    village.node.presence._seen = None  # as another process's write is noticed
    village.settle()

    assert village.state_of(request.job_id) == "rejected"


def test_the_policy_may_let_approvals_outlive_a_version(village):
    village.in_force(reviews=Reviews(keep_on_new_version=True))
    waiting, approved = village.submitted(), village.approved()
    newer_footage(village)
    village.node.presence._seen = None
    village.settle()

    assert village.state_of(approved.job_id) == "produced"
    assert village.state_of(waiting.job_id) == "screened"
    run = village.sandbox.started[0]
    assert run.dataset == village.footage.materialise(village.manifest.version)


# -------------------------------------------------------------------------- taken back


def withdraw(village, request):
    village.decide(request.job_id, "code", "withdraw", request.job_digest, reason="a mistake")


def test_an_approval_is_withdrawn_before_the_start(village):
    village.in_force()
    request = village.approved()
    withdraw(village, request)
    village.settle()

    assert village.state_of(request.job_id) == "rejected"
    assert reasons(village, request) == ("the approval was withdrawn: a mistake",)
    assert village.sandbox.started == []
    assert village.store.reservation(request.job_id).kind == "refund"


def test_an_approval_is_withdrawn_from_a_running_job_which_ends_and_costs(village):
    village.in_force()
    request = village.approved()
    seen = threading.Event()

    def in_the_middle(_task, cancelled):
        withdraw(village, request)
        village.poll()
        if cancelled():
            seen.set()

    village.sandbox.inside = in_the_middle
    village.settle()

    assert seen.is_set()
    assert village.state_of(request.job_id) == "rejected"
    assert village.owner.letters("release.request") == []
    assert village.store.reservation(request.job_id).kind == "settle"


def test_what_was_produced_is_not_withdrawn_but_withheld(village):
    village.in_force()
    request = village.produced()
    withdraw(village, request)
    village.settle()

    assert village.state_of(request.job_id) == "produced"


# ------------------------------------------------------------------------- several people


@pytest.fixture
def carol(village):
    return village.person("carol", "owner")


def two(carol, **more):
    reviewer = Reviewer(name="carol", fingerprint=carol.keyring.identity.fingerprint, **more)
    return Reviews(reviewers=(reviewer,), code=2, release=1)


def in_force(village, carol, reviews, version=1):
    policy = village.policy(version, reviews=reviews)
    statement = village.owner.keyring.sign("policy", policy.to_mapping())
    village.owner.say(
        "owner.policy",
        {
            "policy": statement.to_mapping(),
            "identities": [carol.keyring.identity.to_mapping()] if carol else [],
        },
    )
    village.settle()


def votes(village, person, request, verdict="approve", subject="code", digest=""):
    statement = person.keyring.sign(
        "decision",
        {
            "job_id": request.job_id, "subject": subject, "verdict": verdict,
            "digest": digest or request.job_digest, "reason": "",
            "decided_at": village.clock.now(),
        },
    )  # fmt: skip
    person.say("owner.decision", {"decision": statement.to_mapping()})
    village.settle()


def test_two_people_are_asked_and_both_must_say_yes(village, carol):
    in_force(village, carol, two(carol))
    request = village.submitted()
    assert len(carol.letters("review.request", request.job_id)) == 1
    votes(village, village.owner, request)
    assert village.state_of(request.job_id) == "screened"
    assert reasons(village, request) == ("1 of 2 reviewers said yes",)
    votes(village, carol, request)

    assert village.state_of(request.job_id) == "produced"
    assert village.job(request.job_id).approved_by == "olga, carol"


def test_a_reviewer_may_release_where_one_is_enough(village, carol):
    in_force(village, carol, two(carol))
    request = village.submitted()
    votes(village, village.owner, request)
    votes(village, carol, request)
    (asked,) = carol.letters("release.request", request.job_id)
    votes(village, carol, request, "release", "output", asked.body["output_digest"])

    assert village.state_of(request.job_id) == "released"
    assert village.job(request.job_id).released_by == "carol"


def test_one_no_of_a_reviewer_rejects(village, carol):
    in_force(village, carol, two(carol))
    request = village.submitted()
    votes(village, carol, request, "reject")

    assert village.state_of(request.job_id) == "rejected"


def test_a_reviewer_who_is_the_submitter_under_another_name_is_neither_asked_nor_heard(
    village, carol
):
    reviews = replace(two(carol, scientist="alice"), code=1)
    in_force(village, carol, reviews)
    request = village.submitted()
    votes(village, carol, request)

    assert carol.letters("review.request") == []
    assert village.state_of(request.job_id) == "screened"
    assert any("their own" in n.body["text"] for n in carol.letters("owner.notice"))


def test_the_same_key_under_two_names_is_one_person(village, carol):
    in_force(village, carol, replace(two(carol), code=1))
    also(village, "alice", carol)
    request = village.submitted()
    votes(village, carol, request)

    assert village.state_of(request.job_id) == "screened"
    assert carol.letters("review.request") == []


def test_two_names_with_one_key_are_not_put_in_force_as_two_reviewers(village, carol):
    also(village, "olga", carol)
    in_force(village, carol, two(carol))

    assert village.store.policy() is None
    assert any("one person has one vote" in n.body["text"]
               for n in village.owner.letters("owner.notice"))  # fmt: skip


def test_a_second_name_that_turns_out_to_be_the_same_person_does_not_make_two(village, carol):
    in_force(village, carol, two(carol))
    request = village.submitted()
    also(village, "olga", carol)  # seen after the policy was signed
    votes(village, village.owner, request)
    votes(village, carol, request)

    assert village.state_of(request.job_id) == "screened"
    assert [vote["by"] for vote in village.job(request.job_id).votes] == ["carol"]


def test_votes_on_code_are_none_on_outputs(village, carol):
    in_force(village, carol, replace(two(carol), code=1, release=2))
    request = village.submitted()
    votes(village, carol, request)
    (asked,) = carol.letters("release.request", request.job_id)
    votes(village, village.owner, request, "release", "output", asked.body["output_digest"])
    assert village.state_of(request.job_id) == "produced"
    votes(village, carol, request, "release", "output", request.job_digest)
    assert village.state_of(request.job_id) == "produced"
    votes(village, carol, request, "release", "output", asked.body["output_digest"])

    assert village.job(request.job_id).released_by == "olga, carol"


def test_a_reviewer_who_left_the_policy_and_is_back_is_asked_again(village, carol):
    in_force(village, carol, two(carol))
    request = village.submitted()
    votes(village, carol, request)
    in_force(village, None, Reviews(), version=2)
    in_force(village, None, two(carol), version=3)
    votes(village, village.owner, request)

    assert village.state_of(request.job_id) == "screened"
    assert len(carol.letters("review.request", request.job_id)) == 2
    votes(village, carol, request)
    assert village.state_of(request.job_id) == "produced"


def also(village, name, person):
    """The node saw the keys of that person under another name, once."""
    key = person.keyring.identity.statement_key
    village.store._write("INSERT INTO statement_keys VALUES (?, ?)", name, key)


def test_a_reviewer_that_the_policy_no_longer_names_is_not_heard(village, carol):
    in_force(village, carol, replace(two(carol), code=1))
    request = village.submitted()
    in_force(village, None, Reviews(), version=2)
    votes(village, carol, request)

    assert village.state_of(request.job_id) == "screened"


def test_a_reviewer_sets_no_policy(village, carol):
    in_force(village, carol, two(carol))
    policy = village.policy(9, hosted_identities=True)
    statement = carol.keyring.sign("policy", policy.to_mapping())
    carol.say("owner.policy", {"policy": statement.to_mapping()})
    village.settle()

    assert village.store.policy().body["version"] == 1


def test_a_policy_whose_reviewer_nobody_knows_is_refused_whole(village, carol):
    in_force(village, None, two(carol))

    assert village.store.policy() is None
    assert any("--identity" in n.body["text"] or "identity of the reviewer" in n.body["text"]
               for n in village.owner.letters("owner.notice"))  # fmt: skip


def test_an_identity_with_another_fingerprint_than_the_signed_one_is_refused(village, carol):
    forged = replace(two(carol).reviewers[0], fingerprint="sha256:" + "e" * 64)
    in_force(village, carol, replace(two(carol), reviewers=(forged,)))

    assert village.store.policy() is None


def test_a_scientist_is_no_reviewer_even_when_the_policy_names_their_key(village):
    alice = village.alice
    reviewer = Reviewer(name="alice", fingerprint=alice.keyring.identity.fingerprint)
    in_force(village, alice, Reviews(reviewers=(reviewer,)))

    assert village.store.policy() is None


def test_a_malformed_identity_refuses_the_policy(village, carol):
    policy = village.policy(reviews=two(carol))
    statement = village.owner.keyring.sign("policy", policy.to_mapping())
    village.owner.say("owner.policy", {"policy": statement.to_mapping(), "identities": [{}]})
    village.settle()

    assert village.store.policy() is None


def test_a_reviewer_who_is_known_here_need_not_be_sent_again(village, carol):
    in_force(village, carol, two(carol))
    in_force(village, None, two(carol), version=2)

    assert village.store.policy().body["version"] == 2


# ----------------------------------------------------------------------------- by a rule


def test_a_rule_that_is_taken_back_during_the_run_ends_it(village):
    village.in_force(rules=(rule(spec().code_digest),))

    def meanwhile(*_):
        village.sandbox.inside = lambda *_: None
        village.sign_policy(village.policy(2))
        village.poll()

    village.sandbox.inside = meanwhile
    request = village.submitted()

    assert village.state_of(request.job_id) == "rejected"
    assert village.owner.letters("release.request", request.job_id) == []
    assert village.alice.letters("job.result") == []


# ------------------------------------------------------------- another policy in between


def test_a_reviewer_who_joins_hears_of_what_waits(village, carol):
    village.in_force()
    waiting, produced = village.submitted(), village.produced()
    in_force(village, carol, replace(two(carol), release=2), version=2)

    assert len(carol.letters("review.request", waiting.job_id)) == 1
    assert len(carol.letters("release.request", produced.job_id)) == 1
    assert len(village.owner.letters("review.request", waiting.job_id)) == 1
    votes(village, village.owner, waiting)
    votes(village, carol, waiting)
    assert village.state_of(waiting.job_id) == "produced"


@pytest.mark.parametrize("with_log", [False, True])
def test_a_yes_that_is_enough_now_counts_at_once(village, carol, with_log):
    in_force(village, carol, replace(two(carol), release=2))
    waiting, shown = village.submitted(), village.submitted()
    for request in (waiting, shown):
        votes(village, village.owner, request)
    votes(village, carol, shown)
    village.release(shown.job_id, with_log=with_log)
    village.settle()
    assert village.state_of(shown.job_id) == "produced"
    in_force(village, carol, replace(two(carol), code=1), version=2)

    assert village.state_of(waiting.job_id) == "produced"
    assert village.state_of(shown.job_id) == "released"
    (result,) = village.alice.letters("job.result", shown.job_id)
    assert ("output/log" in result.attachments) is with_log


def test_a_log_that_is_not_paid_for_keeps_the_output_waiting_at_a_recount(village, carol):
    in_force(village, carol, replace(two(carol), code=1, release=2))
    request = village.produced()
    village.release(request.job_id, with_log=True)
    village.settle()
    policy = village.policy(2, reviews=Reviews(), airlock=Airlock(log=False))
    village.sign_policy(policy)
    village.settle()

    assert village.state_of(request.job_id) == "produced"


def test_a_yes_of_somebody_who_left_is_not_enough(village, carol):
    in_force(village, carol, two(carol))
    request = village.submitted()
    votes(village, carol, request)
    in_force(village, None, Reviews(), version=2)

    assert village.state_of(request.job_id) == "screened"


def test_access_that_is_taken_back_while_the_footage_is_fetched_stops_the_start(
    village, monkeypatch
):
    village.in_force()
    request = village.approved()
    fetch = village.footage.materialise

    def meanwhile(version):
        village.store.put_policy(
            village.owner.keyring.sign("policy", village.policy(2, grants=()).to_mapping()), 2, 0.0
        )
        return fetch(version)

    monkeypatch.setattr(village.footage, "materialise", meanwhile)
    village.node.service.work_once()

    assert village.state_of(request.job_id) == "rejected"
    assert village.sandbox.started == []


def test_a_job_from_before_budgets_starts_no_more_and_releases_nothing(village):
    village.in_force()
    approved, produced = village.approved(), village.submitted()
    village.approve(produced)
    village.settle()
    for request in (approved, produced):
        record = village.job(request.job_id)
        village.store.replace_job(replace(record, price={}), was=record.state)
    village.release(produced.job_id)
    village.settle()

    assert village.state_of(produced.job_id) == "produced"
    assert any("before there were budgets" in n.body["text"]
               for n in village.owner.letters("owner.notice"))  # fmt: skip


def test_without_any_policy_nothing_that_was_approved_starts(village):
    village.in_force()
    request = village.approved()
    village.store._db.execute("DELETE FROM policies")
    village.settle()

    assert village.state_of(request.job_id) == "rejected"
    assert village.sandbox.started == []


def test_a_record_that_names_no_approver_starts_nothing(village):
    village.in_force()
    request = village.approved()
    record = village.job(request.job_id)
    village.store.replace_job(replace(record, approved_by=""), was="approved")
    village.settle()

    assert village.state_of(request.job_id) == "failed"
    assert village.sandbox.started == []
