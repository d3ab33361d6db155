"""Charged jobs run on the newest state only; what tells is heads that the domain itself signed."""

from dataclasses import replace

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap.node_status import node_status
from darkroom.errors import StateError, UnreachableError
from darkroom.model.tree_head import KIND, TreeHead
from darkroom.node import words
from darkroom.node.refusals import LEFT_OUT, TOLD_ONE_BY_ONE
from darkroom.node.standing import LOOK_AGAIN, own_identity
from darkroom.policy.standing import BEHIND, Finding
from tests.node.backups import copied, everything, look, notices, put_back, restored
from tests.node.village import CODE, FILES, Village, keys, rule, spec


def standing(village: Village) -> str:
    return village.node.standing.found.is_


def head_of(village: Village):
    return village.relay.last_head("north")


def grown(village: Village):
    """A state, a copy of it, and a head that was shown after the copy."""
    village.in_force()
    look(village)
    copy = copied(village)
    village.submitted()
    look(village)
    return copy, head_of(village)


def test_a_node_alone_with_its_gateway_is_level(village):
    assert standing(village) == "unknown"
    village.in_force()
    assert standing(village) == "level"
    look(village)
    village.restart()
    assert standing(village) == "unknown"
    village.poll()
    assert standing(village) == "level"


def test_while_the_gateway_is_away_charged_jobs_wait_and_mock_jobs_run(village):
    village.in_force()
    free, charged = village.submitted(tier="mock"), village.submitted()
    village.approve(free)
    village.approve(charged)
    village.poll()
    village.exchange.up = False
    with pytest.raises(UnreachableError):
        village.poll()
    assert standing(village) == "unknown"
    while village.node.service.work_once():
        pass
    assert village.state_of(free.job_id) in ("produced", "released")
    assert village.state_of(charged.job_id) == "approved"
    village.exchange.up = True
    village.settle()
    assert village.state_of(charged.job_id) == "produced"


def test_a_job_that_was_taken_just_before_is_not_started(village):
    village.in_force()
    request = village.approved()
    village.node.standing.away()
    village.node.runner.run(village.job(request.job_id))
    assert village.state_of(request.job_id) == "approved"
    assert village.job(request.job_id).attempts == 0


def test_an_old_copy_is_found_and_starts_nothing_charged(village):
    copy, _ = grown(village)
    request = village.submitted()
    put_back(village, copy)
    village.poll()
    assert standing(village) == "behind"
    request = village.submitted()
    village.approve(request)
    village.poll()
    assert words.WAITS["behind"] in village.job(request.job_id).reasons
    assert not village.node.service.work_once()
    village.settle()
    assert notices(village).count("an old copy") == 1
    assert village.events().count("standing-behind") == 1
    assert village.node.presence.profile()["waiting"] == words.WAITS["behind"]
    village.restart()
    village.poll()
    assert not village.node.service.work_once()


def test_a_copy_that_went_on_for_itself_is_found(village):
    copy, held = grown(village)
    put_back(village, copy)
    while village.store.audit_size() <= held.body["size"]:
        village.store.add_event(1.0, "x")
    village.poll()
    assert "a fork" in village.node.standing.found.why


def test_what_was_decided_meanwhile_is_done_when_the_state_is_known_again(village):
    village.in_force()
    request = village.produced()
    village.node.standing.away()
    village.release(request.job_id)
    deliveries = village.node.service._post.receive(wait=0)
    for delivery in deliveries:
        village.node.service._intake.take(delivery)
    assert village.state_of(request.job_id) == "produced"
    assert words.WAITS["unknown"] in village.job(request.job_id).reasons[0]
    village.settle()
    assert village.state_of(request.job_id) == "released"
    assert village.events(request.job_id).count("owner-decided") == 2  # code, outputs; once each


def test_a_log_that_is_released_after_a_wait_is_paid_once(village):
    from darkroom.model.airlock import Airlock

    village.in_force(airlock=Airlock(log=True))
    request = village.produced()
    village.node.standing.away()
    village.release(request.job_id, with_log=True)
    for delivery in village.node.service._post.receive(wait=0):
        village.node.service._intake.take(delivery)
    village.settle()
    assert village.state_of(request.job_id) == "released"
    (result,) = village.alice.letters("job.result", request.job_id)
    assert "output/log" in result.attachments
    logs = [e for e in village.store.entries() if e.reservation == f"{request.job_id}:log"]
    assert [entry.kind for entry in logs] == ["reserve", "settle"]


def test_what_a_rule_lets_out_waits_as_well(village):
    village.in_force(rules=(rule(spec().code_digest),))
    request = village.request()
    village.submit(request)
    village.poll()
    village.sandbox.inside = lambda *_: village.node.standing.away()
    assert village.node.service.work_once()
    assert (village.state_of(request.job_id), village.job(request.job_id).asked) == ("produced", ())
    assert village.owner.letters("release.request") == []
    village.sandbox.inside = lambda *_: None
    village.settle()
    assert village.state_of(request.job_id) == "released"


def held_by_rule(village: Village) -> str:
    """A job that a rule releases and whose outputs wait, since the gateway was away."""
    village.in_force(rules=(rule(spec().code_digest),))
    request = village.request()
    village.submit(request)
    village.poll()
    village.sandbox.inside = lambda *_: village.node.standing.away()
    assert village.node.service.work_once()
    village.sandbox.inside = lambda *_: None
    return request.job_id


def test_a_disk_that_is_full_once_leaves_nothing_waiting(village, monkeypatch):
    """Whichever write fails: that it is level, or that what waited goes out."""
    job_id = held_by_rule(village)
    kept, move = SqliteNodeStore.set_fact, SqliteNodeStore.replace_job
    failing = [True, True]

    def set_fact(self, name, value):
        if name == "standing" and failing[0]:
            failing[0] = False
            raise StateError("the disk is full", next_step="make room")
        kept(self, name, value)

    def replace_job(self, *args, **more):
        if failing[1]:
            failing[1] = False
            raise StateError("the disk is full", next_step="make room")
        return move(self, *args, **more)

    monkeypatch.setattr(SqliteNodeStore, "set_fact", set_fact)
    monkeypatch.setattr(SqliteNodeStore, "replace_job", replace_job)
    for _ in failing:
        with pytest.raises(StateError):
            village.poll()
    village.settle()
    assert not any(failing)
    assert (standing(village), village.state_of(job_id)) == ("level", "released")


def test_a_head_that_comes_in_between_holds_what_was_about_to_go_out(village):
    job_id = held_by_rule(village)
    village.poll = lambda: None  # the look is over; before what waited goes out, a head comes
    village.node.standing._found = Finding(is_=BEHIND, why="an old copy")
    village.node.service._go_on()
    assert village.state_of(job_id) == "produced"


# --------------------------------------------------------------------------- a gateway that lies


def test_a_gateway_that_shows_less_than_it_was_shown_is_not_believed(village):
    village.in_force()
    look(village)
    early = len(village.exchange.heads["north"])
    village.submitted()
    look(village)
    request = village.approved()
    held = list(village.exchange.heads["north"])
    for lie in ([], held[:early]):
        village.exchange.heads["north"] = list(lie)
        village.restart()
        look(village)
        assert standing(village) == "unknown"
        assert village.exchange.heads["north"] == lie  # it is not shown what it should know
        assert not village.node.service.work_once()
    assert "owner override" in notices(village)
    village.exchange.heads["north"] = held
    village.settle()
    look(village)
    village.settle()
    assert village.state_of(request.job_id) == "produced"


def test_heads_that_the_domain_did_not_sign_are_no_reason_to_go_on(village):
    village.in_force()
    look(village)
    request = village.approved()
    last = head_of(village)
    forged = {**last.body, "size": last.body["size"] + 5}
    mallory = keys("mallory", "domain").sign(KIND, forged)
    for lie in (replace(last, body=forged), mallory):
        village.exchange.heads["north"] = [lie]
        village.restart()
        village.poll()
        assert standing(village) == "unknown"
        assert not village.node.service.work_once()
    assert village.state_of(request.job_id) == "approved"


def told(village: Village) -> int:
    """How often the owner got a notice that charged jobs wait."""
    return notices(village).count("charged jobs wait")


def two_old_heads(village: Village):
    """What a gateway may show that keeps one head back or another, and all that it has."""
    village.in_force()
    for _ in range(4):
        village.submitted()
        look(village)
    held = list(village.exchange.heads["north"])
    return held[:1], held[:2], held


def flipped(village: Village, *lies) -> None:
    for lie in lies:
        village.exchange.heads["north"] = list(lie)
        look(village)


def test_other_numbers_in_the_same_lie_are_no_news(village):
    first, second, _ = two_old_heads(village)
    flipped(village, first)
    before = village.store.audit_size()
    why = village.node.standing.found.why
    flipped(village, second, *[first, second] * 10)

    assert village.store.audit_size() == before
    assert (village.events().count("standing-unknown"), told(village)) == (1, 1)
    assert village.node.standing.found.why != why
    assert node_status(village.state).standing == village.node.standing.found.why  # the latest

    village.restart()
    village.exchange.up = False
    with pytest.raises(UnreachableError):
        village.poll()
    village.exchange.up = True
    flipped(village, second)
    assert (village.store.audit_size(), told(village)) == (before, 1)


def test_every_other_kind_of_finding_is_news(village):
    first, _, held = two_old_heads(village)
    mallory = keys("mallory", "domain").sign(KIND, dict(held[0].body))
    village.exchange.up = False
    with pytest.raises(UnreachableError):
        village.poll()  # unknown as well, and the poller says it
    village.exchange.up = True
    flipped(village, [mallory], first, held, first)
    assert (village.events().count("standing-unknown"), told(village)) == (3, 3)


def test_a_gateway_that_flips_is_told_of_a_few_times_a_day_and_followed_each_time(village):
    first, _, held = two_old_heads(village)
    for _ in range(TOLD_ONE_BY_ONE + 5):
        flipped(village, first)
        assert words.WAITS["unknown"] == village.node.standing.why("reviewed")
        flipped(village, held)
        assert village.node.standing.why("reviewed") == ""
        held = list(village.exchange.heads["north"])  # it was shown more
    assert village.events().count("standing-unknown") == TOLD_ONE_BY_ONE
    assert told(village) == TOLD_ONE_BY_ONE

    village.clock.forward(86_400)
    village.poll()
    (left,) = [about for event, _, about in village.store.events(None) if event == LEFT_OUT]
    assert (left["what"], left["count"]) == ("changes of standing", 5)
    flipped(village, first)
    assert told(village) == TOLD_ONE_BY_ONE + 1


def test_a_gateway_that_lies_and_fails_in_turn_is_not_asked_without_end(village, monkeypatch):
    first, second, _ = two_old_heads(village)
    flipped(village, first)
    asked, last_head = [], village.relay.last_head

    def counted(name):
        asked.append(name)
        return last_head(name)

    def away(*_args, **_more):
        raise UnreachableError("503", next_step="wait")

    monkeypatch.setattr(village.relay, "last_head", counted)
    monkeypatch.setattr(village.relay, "receive", away)
    for n in range(100):
        village.exchange.heads["north"] = list((first, second)[n % 2])
        village.clock.forward(0.5)  # the first pause after something worked
        with pytest.raises(UnreachableError):
            village.poll()
    assert 1 <= len(asked) <= 100 * 0.5 / LOOK_AGAIN
    assert (village.events().count("standing-unknown"), told(village)) == (1, 1)


# ------------------------------------------------------------------- what scientists have seen


def say_seen(village: Village, head, by=None):
    request = village.request(by)
    body = {"request": request.to_mapping(), "mock": {"frames": 3}, "seen_head": head}
    (by or village.alice).say("job.submit", body, {"code/job.py": CODE})
    village.poll()
    return request


def test_a_lying_gateway_over_an_old_copy_is_found_by_the_first_who_returns(village):
    copy, held = grown(village)
    village.exchange.heads["north"] = village.exchange.heads["north"][:-1]
    put_back(village, copy)
    village.poll()
    assert standing(village) == "level"  # gateway and machine together fool it, until
    request = say_seen(village, held.to_mapping())
    assert standing(village) == "behind"
    assert village.state_of(request.job_id) == "screened"
    village.restart()  # it is kept
    village.poll()
    assert standing(village) == "behind"
    assert "an old copy" in notices(village)


def test_heads_of_keys_that_were_given_up_are_told_of_once(village):
    old = village.keyring
    restored(village, copied(village.in_force()))
    village.settle()
    everything(village.alice, "handover.domain")
    head = village.store.tree_head("north", 1.0)
    say_seen(village, old.sign(KIND, replace(head, epoch=10).to_body()).to_mapping())
    found, size = village.node.standing.found, village.store.audit_size()
    for epoch in range(11, 20):
        signed = old.sign(KIND, replace(head, epoch=epoch).to_body())
        village.node.standing.hear(signed.to_mapping())
    assert (standing(village), village.store.audit_size()) == ("behind", size)
    assert village.node.standing.found.why != found.why
    assert (village.events().count("standing-behind"), told(village)) == (1, 1)


def test_heads_of_anybody_else_and_odd_ones_move_nothing(village):
    village.in_force()
    look(village)
    last = head_of(village)
    high = {**last.body, "size": last.body["size"] + 100}
    other = village.keyring.sign(KIND, {**high, "domain": "south"})
    for said in (
        last.to_mapping(),
        replace(last, body=high).to_mapping(),
        keys("mallory", "domain").sign(KIND, high).to_mapping(),
        other.to_mapping(),
        village.keyring.sign("release", high).to_mapping(),
        {},
        {"kind": KIND, "body": {"x": "y" * 100_000}, "key": "", "signature": ""},
    ):
        say_seen(village, said)
        assert standing(village) == "level", said
    request = village.request()
    body = {"request": request.to_mapping(), "mock": {}, "seen_head": [1]}
    village.alice.say("job.submit", body, {f"code/{p}": d for p, d in FILES.items()})
    village.poll()
    assert village.store.job(request.job_id) is None


def test_a_head_of_the_log_under_former_keys_of_ours_counts(village):
    copy, held = grown(village)
    put_back(village, copy)
    at = village.clock.now()
    village.keyring = village.keyring.having(now=village.clock.now).rotated(at=at)
    village.store.close()
    village.start()
    village.poll()
    assert standing(village) == "behind"
    del held


def test_only_hand_overs_that_both_keys_signed_make_a_former_key_ours():
    first = SycKeyring.generate("north", "domain")
    stolen, check = SycKeyring.generate("north", "domain"), SycVerifier().check_statement
    ours = first.rotated(at=1.0).rotated(at=2.0)
    middle = ours.handovers[0].new
    link = replace(ours.handovers[0], old=stolen.identity.fingerprint)
    forged = ours.having(handovers=(link, *ours.handovers[1:]))
    known = [first.identity, stolen.identity]

    def found(keyring: SycKeyring, identity):
        return own_identity(identity.statement_key, keyring, known, check)

    for identity in (ours.identity, middle, first.identity):
        assert found(ours, identity) == identity
    assert found(ours, stolen.identity) is None
    assert found(forged, stolen.identity) is None


def test_the_store_tells_what_its_log_had(village):
    village.in_force()
    look(village)
    store: SqliteNodeStore = village.store
    head = TreeHead.from_body(head_of(village).body)
    assert store.had(head)
    request = village.produced()
    village.release(request.job_id)
    village.settle()
    assert store.had(head)
    later = store.tree_head("north", 1.0)
    assert store.had(later)
    ledger = replace(later.ledger, number=later.ledger.number + 1)
    assert not store.had(replace(later, ledger=ledger))
    assert not store.had(replace(later, size=later.size + 1))
    assert not store.had(replace(later, root=head.root))
