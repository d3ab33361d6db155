"""The owner's policy as notebook 11 and `darkroom policy` use it."""

import json

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.bootstrap.owner import Office, believing, policy_desk
from darkroom.errors import DeniedError, SpecError
from darkroom.model.amount import Amount
from darkroom.model.budget import Account
from darkroom.model.spending import Spending
from darkroom.model.statement import Statement
from darkroom.policy.consistency import UnsoundPolicyError
from tests.owner.test_policy_commands import DOMAIN, POLICY


@pytest.fixture
def office(town):
    return Office(
        state=town.folder,
        identity=town.owner.identity,
        desk=town.desk,
        reviewer=False,
        owners_rules=town.rules,
    )


@pytest.fixture
def desk(office):
    return policy_desk(office)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def change(file, *pairs):
    text = file.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)


def in_force(town):
    """The policies that reached the domain: (version, identities)."""
    return [
        (Statement.from_mapping(letter.body["policy"]).body["version"], letter.body["identities"])
        for letter in town.heard()
        if letter.kind == "owner.policy"
    ]


def test_a_proposal_is_shown_in_plain_words_and_signs_nothing(desk, file):
    assert "Policy 1 of north" in desk.show(file).sheet.title
    assert (desk.domain, desk.signed, desk.outdated) == ("north", None, "")
    with pytest.raises(SpecError, match="no policy was signed"):
        desk.show()


def test_what_is_sound_has_no_faults(desk, file):
    checked = desk.check(file)
    assert (len(checked), checked.sheet.title) == (0, "The policy is sound")


def test_a_check_counts_and_names_every_fault_with_its_line(desk, file):
    change(file, ("per: dataset", "per: scientist, datasets: [yard]"))
    first, second = checked = desk.check(file)
    assert (len(checked), checked.sheet.title) == (2, "2 faults")
    assert first.startswith(f"{file}:4: alice may ask for plaza without end")
    assert second.startswith(f"{file}:6: the budget week covers yard")
    assert all(fault in str(checked.sheet) for fault in checked)


def test_names_are_held_against_the_domain_yaml_beside_it_or_another(desk, file, tmp_path):
    beside = tmp_path / "domain.yaml"
    beside.write_text(DOMAIN.replace("plaza", "yard"))
    other = tmp_path / "other.yaml"
    other.write_text(DOMAIN)
    assert ["domain.yaml has no dataset plaza" in fault for fault in desk.check(file)] == [True]
    assert len(desk.check(file, other)) == 0


def test_the_difference_is_against_what_was_signed_last_or_another_file(desk, file, tmp_path):
    first = tmp_path / "first.yaml"
    first.write_text(POLICY)
    assert "against no policy at all" in str(desk.diff(file))
    desk.sign(file)
    change(file, ("version: 1", "version: 2"), ("[plaza]", "[plaza, yard]"))
    assert "alice on yard" in str(desk.diff(file))
    assert str(desk.diff(file)) == str(desk.diff(file, against=first))
    change(first, ("domain: north", "domain: east"))
    with pytest.raises(SpecError, match="is for north, the other policy for east"):
        desk.diff(file, against=first)


def test_what_is_signed_goes_to_the_domain_and_its_changes_are_shown(town, desk, file):
    shown = desk.sign(file)
    assert "alice on plaza" in str(shown)
    assert desk.signed.version == 1
    assert "Policy 1 of north" in str(desk.show())
    assert in_force(town) == [(1, [])]


def test_a_policy_with_faults_is_not_signed(town, desk, file):
    change(file, ("per: dataset", "per: scientist, datasets: [yard]"))
    with pytest.raises(UnsoundPolicyError, match=r":4: alice .* \(and 1 more\)") as caught:
        desk.sign(file)
    assert [fault.message for fault in caught.value.faults] == list(desk.check(file))
    assert (desk.signed, in_force(town)) == (None, [])


def test_a_dataset_that_the_domain_does_not_have_is_not_signed(town, desk, file, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(DOMAIN.replace("plaza", "yard"))
    with pytest.raises(UnsoundPolicyError, match="has no dataset plaza"):
        desk.sign(file, other)
    (tmp_path / "domain.yaml").write_text(other.read_text())
    with pytest.raises(UnsoundPolicyError, match="has no dataset plaza"):
        desk.sign(file)
    assert (desk.signed, in_force(town)) == (None, [])


def test_a_version_that_does_not_rise_is_not_signed(town, desk, file):
    desk.sign(file)
    change(file, ("releases: 20", "releases: 30"))
    with pytest.raises(SpecError, match="does not rise"):
        desk.sign(file)
    assert in_force(town) == [(1, [])]


def test_a_reviewer_is_named_with_their_identity(town, desk, file, tmp_path):
    carol = SycKeyring.generate("carol", "owner").identity
    change(
        file,
        (
            "budgets:",
            f"reviews:\n  reviewers: [{{name: carol, fingerprint: '{carol.fingerprint}'}}]\nbudgets:",
        ),
    )
    with pytest.raises(SpecError, match="reviewer carol is not known"):
        desk.sign(file)
    public = tmp_path / "carol.json"
    public.write_text(json.dumps(carol.to_mapping()))
    desk.sign(file, identities=[public])
    assert in_force(town) == [(1, [carol.to_mapping()])]


def test_a_signed_policy_that_goes_by_file_is_not_sent(town, desk, file):
    written = []
    desk.sign(file, out=written.append)
    assert [body["policy"]["body"]["version"] for body in written] == [1]
    assert desk.signed.version == 1
    assert in_force(town) == []


def test_what_was_signed_in_an_older_form_is_in_force_no_more(town, desk, file):
    old = town.owner.keyring.sign("policy", {"version": 7, "domain": "north", "release": "auto"})
    town.store.set_fact("policy", old.to_mapping())
    assert desk.signed is None
    assert "unknown key 'release'" in desk.outdated


def test_the_budgets_are_those_that_the_domain_tells(town, desk, file):
    desk.sign(file)
    (week,) = desk.signed.budgets
    account = Account(budget=week, holder="plaza", begins=0, ends=604_800)
    spent = Spending(account=account, spent=Amount(releases=9)).to_mapping()
    body = {"policy_version": 1, "accounts": [spent]}
    town.north.post.send(town.north.post.write("budget.state", "north-owner", body))
    (row,) = desk.budgets().sheet.sections[0].rows
    assert row == ("week", "dataset plaza", "releases", "9", "11", "20", "1970-01-08")


def test_past_requests_are_looked_at_again_under_a_proposal(town, desk, file):
    town.ask_review()
    town.desk.reviews()
    file.write_text(file.read_text().replace("alice", "bob"))

    replayed = desk.replay(file)

    assert len(replayed) == 1
    assert "1 job under policy 1 of north: 1 would have gone another way" in replayed.sheet.title


def test_a_reviewer_signs_no_policy(town):
    office = Office(
        state=town.folder,
        identity=town.owner.identity,
        desk=town.desk,
        reviewer=True,
        owners_rules=town.rules,
    )
    with pytest.raises(DeniedError, match="does not own it"):
        policy_desk(office)
    with pytest.raises(DeniedError, match="does not own it"):
        believing(office)
