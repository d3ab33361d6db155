"""T30: an old state comes back, alone, under a gateway that lies, or out of a backup.

A budget of one release in a year is spent; then somebody tries to have a second one.
"""

import pytest

from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.model.budget import Budget
from darkroom.model.dsse import from_envelope
from darkroom.model.override import GATEWAY_LOST, NOTHING_RAN, Override
from darkroom.model.override import KIND as OVERRIDE
from darkroom.model.receipt import read_receipt
from darkroom.model.tree_head import KIND, TreeHead
from darkroom.node import charge, override, standing
from darkroom.policy.epoch import counted
from darkroom.policy.standing import ALL_WELL
from tests.node.backups import copied, everything, look, put_back, restored
from tests.node.village import CODE, Village, keys, rule, spec


YEAR = Budget(name="year", per="dataset", period_days=3650, releases=1)


@pytest.fixture
def village(tmp_path):
    village = Village(tmp_path)
    village.in_force(budgets=(YEAR,), rules=(rule(spec().code_digest),))
    yield village
    village.store.close()


def spend(village: Village) -> bool:
    """Ask for a release that a rule allows; whether it left."""
    village.settle()
    everything(village.alice, "handover.domain")  # so that she seals for the keys of today
    request = village.request()
    village.submit(request)
    for _ in range(3):
        village.settle()
        village.clock.forward(standing.LOOK_EVERY + 1)
    return bool(everything(village.alice, "job.result", request.job_id))


def spent(village: Village):
    """A copy of the state from before, and the heads that were shown until after."""
    look(village)
    copy = copied(village)
    early = list(village.exchange.heads["north"])
    assert spend(village)
    assert not spend(village)
    look(village)
    return copy, early


@pytest.fixture
def believes_anything(monkeypatch):
    """The control is off: nobody asks whether the state is the newest."""
    monkeypatch.setattr(standing, "judge", lambda *_, **__: ALL_WELL)
    monkeypatch.setattr(standing, "outruns", lambda *_: "")


# ------------------------------------------------------------------------------- the old state


@pytest.mark.attack("T30", control="on")
def test_an_old_state_put_back_spends_nothing_again(village):
    copy, _ = spent(village)
    put_back(village, copy)
    assert not spend(village)


@pytest.mark.attack("T30", control="off")
def test_a_node_that_does_not_ask_spends_again_on_an_old_state(village, believes_anything):
    copy, _ = spent(village)
    put_back(village, copy)
    assert spend(village)


@pytest.mark.attack("T30", control="on")
@pytest.mark.parametrize("lie", ["none", "old", "forged", "silent"])
def test_a_gateway_that_lies_gives_no_leave(village, lie):
    spent(village)
    copy = copied(village)  # it still has a little, in the next period
    put_back(village, copy)
    (last,) = village.exchange.heads["north"][-1:]
    forged = keys("mallory", "domain").sign(KIND, {**last.body, "size": last.body["size"] + 1})
    shown = {"none": [], "old": village.exchange.heads["north"][:1], "forged": [forged]}
    village.exchange.heads["north"] = list(shown.get(lie, ()))
    village.clock.forward(YEAR.period_days * 86_400)  # so that the budget alone would allow it
    request = village.request()
    village.submit(request)
    if lie == "silent":
        village.exchange.up = False
        with pytest.raises(Exception, match="away"):
            village.poll()
    else:
        village.settle()
        assert village.state_of(request.job_id) == "approved"
    assert not village.node.service.work_once()
    village.exchange.up = True
    assert not everything(village.alice, "job.result", request.job_id)


@pytest.mark.attack("T30", control="off")
def test_without_what_was_shown_a_gateway_that_lost_it_is_believed(village, believes_anything):
    spent(village)
    village.exchange.heads["north"] = []
    village.restart()
    village.clock.forward(YEAR.period_days * 86_400)
    assert spend(village)


@pytest.mark.attack("T30", control="on")
def test_the_first_scientist_who_returns_ends_what_gateway_and_machine_hide(village):
    copy, early = spent(village)
    (result,) = everything(village.alice, "job.result")
    proof = result.body["receipt"]
    head = read_receipt(from_envelope(proof)).proof.head
    village.exchange.heads["north"] = early
    put_back(village, copy)
    request = village.request()
    body = {"request": request.to_mapping(), "mock": {}, "seen_head": head.to_mapping()}
    village.alice.say("job.submit", body, {"code/job.py": CODE})
    village.settle()
    assert not everything(village.alice, "job.result", request.job_id)
    assert not spend(village)


@pytest.mark.attack("T30", control="off")
def test_without_that_both_together_spend_again(village):
    copy, early = spent(village)
    village.exchange.heads["north"] = early
    put_back(village, copy)
    assert spend(village)  # nobody sent what they had seen


# --------------------------------------------------------------------------------- the backup


@pytest.mark.attack("T30", control="on")
def test_a_restore_spends_nothing_again_however_often(village):
    copy, _ = spent(village)
    restored(village, copy)
    assert not spend(village)
    restored(village, copy, known=(TreeHead.from_body(village.relay.last_head("north").body),))
    assert not spend(village)


@pytest.mark.attack("T30", control="off")
def test_a_restore_that_believes_its_ledger_spends_again(village, monkeypatch):
    monkeypatch.setattr(charge, "counted", lambda account, used, _: (account, used))
    copy, _ = spent(village)
    restored(village, copy)
    assert spend(village)


def replayed(village: Village, *, forgets: bool = True) -> str:
    """A letter of the old epoch that the gateway kept back until after a restore."""
    copy = copied(village)
    request = village.request(tier="mock")
    village.submit(request)
    restored(village, copy, forgets=forgets)
    village.settle()
    return request.job_id


@pytest.mark.attack("T30", control="on")
def test_letters_of_the_old_epoch_are_not_opened(village):
    job_id = replayed(village)
    assert village.store.job(job_id) is None
    assert "letter-quarantined" in village.events()


@pytest.mark.attack("T30", control="off")
def test_with_former_keys_letters_of_the_old_epoch_are_opened(village):
    job_id = replayed(village, forgets=False)
    assert village.store.job(job_id) is not None


def said_for_another_epoch(village: Village) -> bool:
    """The owner's word on the first restore, played again after the second; whether it spends."""
    copy, _ = spent(village)
    restored(village, copy)
    village.settle()
    with village.store.transaction():
        head = village.store.tree_head("north", village.clock.now())
    said = village.owner.keyring.sign(
        OVERRIDE, Override(head=head, purpose=NOTHING_RAN, epoch=2).to_body()
    ).to_mapping()
    restored(village, copied(village, "second.db"))
    village.settle()
    everything(village.owner, "owner.notice")
    village.owner.say("owner.override", {"override": said})
    village.settle()
    return spend(village)


@pytest.mark.attack("T30", control="on")
def test_an_override_of_another_epoch_lifts_nothing(village):
    assert not said_for_another_epoch(village)


@pytest.mark.attack("T30", control="off")
def test_without_the_epoch_in_it_an_old_override_lifts_again(village, monkeypatch):
    monkeypatch.setattr(override.Overrides, "_require_ours", lambda *_: None)
    kept = SqliteNodeStore.add_override
    monkeypatch.setattr(
        SqliteNodeStore, "add_override",
        lambda self, said, _, *more: [kept(self, said, e.number, *more) for e in self.restores()],
    )  # fmt: skip
    assert said_for_another_epoch(village)


# ------------------------------------------------------------- the owner's word, and its meaning


def say_override(village: Village, purpose: str) -> None:
    """The owner signs what is true: one of the two things that can be said."""
    with village.store.transaction():
        head = village.store.tree_head("north", village.clock.now())
    word = Override(head=head, purpose=purpose, epoch=head.epoch)
    village.node.service.send_once()
    everything(village.owner, "owner.notice")
    said = village.owner.keyring.sign(OVERRIDE, word.to_body()).to_mapping()
    village.owner.say("owner.override", {"override": said})
    village.settle()


def spent_once_the_gateway_asks(village: Village) -> bool:
    """After a restore the gateway hides all heads, until the owner truly says that it lost them."""
    copy, _ = spent(village)
    last = TreeHead.from_body(village.relay.last_head("north").body)
    restored(village, copy, known=(last,))
    assert not spend(village)
    look(village)
    village.exchange.heads["north"] = []
    look(village)
    assert village.node.standing.found.lost
    say_override(village, GATEWAY_LOST)
    look(village)
    assert village.node.standing.found.is_ == "level"
    return spend(village)


@pytest.mark.attack("T30", control="on")
def test_a_gateway_that_hides_heads_coaxes_out_no_word_that_opens_a_budget(village):
    assert not spent_once_the_gateway_asks(village)


@pytest.mark.attack("T30", control="off")
def test_where_the_word_about_the_gateway_means_both_a_budget_is_open_again(village, monkeypatch):
    kept = SqliteNodeStore.add_override
    monkeypatch.setattr(
        SqliteNodeStore, "add_override",
        lambda self, said, epoch, _, at: kept(self, said, epoch, NOTHING_RAN, at),
    )  # fmt: skip
    assert spent_once_the_gateway_asks(village)


def spent_after_a_quiet_move(village: Village) -> bool:
    """After a restore that lost spending comes a second one that lost nothing, truly signed."""
    copy, _ = spent(village)
    restored(village, copy)
    assert not spend(village)
    restored(village, copied(village, "move.db"))
    assert not spend(village)
    say_override(village, NOTHING_RAN)
    assert village.store.opened_epoch().believed
    return spend(village)


@pytest.mark.attack("T30", control="on")
def test_the_word_about_the_last_restore_opens_nothing_that_an_earlier_one_closed(village):
    assert not spent_after_a_quiet_move(village)


@pytest.mark.attack("T30", control="off")
def test_where_only_the_last_restore_counts_the_one_before_is_forgotten(village, monkeypatch):
    monkeypatch.setattr(
        charge, "counted", lambda account, used, epochs: counted(account, used, epochs[-1:])
    )
    assert spent_after_a_quiet_move(village)
