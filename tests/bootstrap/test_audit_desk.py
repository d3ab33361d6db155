"""The auditor's desk: says who vouches for what, and what is missing; no file of it is believed."""

import json
import shutil

import pytest

import darkroom as dr
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.bootstrap.audit import HEADS_FORMAT, HEADS_HEADER
from darkroom.bootstrap.audit_desk import ALONE, CARRIED, GATEWAY, HEADS, IDENTITIES, LOG, RECEIPTS
from darkroom.bootstrap.audit_file import export
from darkroom.display.audit_page import detail_words
from darkroom.errors import InputError
from darkroom.model.dsse import envelope_bytes
from darkroom.model.statement import RECEIPT
from darkroom.node.audit import SHOW_EVERY
from tests.node.receipts import receipt_of, released
from tests.node.village import Village


@pytest.fixture(scope="module")
def handed_over(tmp_path_factory):
    """A domain's log, the gateway's heads, a receipt of one of two releases, and identities."""
    root = tmp_path_factory.mktemp("case")
    village, case = Village(root / "village"), root / "case"
    village.in_force()
    request, _ = released(village)
    village.clock.forward(SHOW_EVERY + 1)
    village.poll()
    released(village)
    for folder in (RECEIPTS, IDENTITIES):
        (case / folder).mkdir(parents=True)
    (case / RECEIPTS / "one.receipt.json").write_bytes(
        envelope_bytes(receipt_of(village, request).statement)
    )
    for keyring in (village.keyring, village.owner.keyring):
        path = case / IDENTITIES / f"{keyring.identity.name}.json"
        path.write_text(json.dumps(keyring.identity.to_mapping()))
    lines = [{HEADS_HEADER: HEADS_FORMAT, "domain": "north"}]
    lines += [{"head": head.to_mapping()} for head in village.relay.heads("north")]
    (case / HEADS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    export(village.state, case / LOG)
    village.store.close()
    return case


@pytest.fixture
def case(handed_over, tmp_path):
    """The same, to be damaged."""
    return shutil.copytree(handed_over, tmp_path / "case")


def test_each_witness_is_told_apart_and_so_is_what_nobody_else_vouches_for(case):
    found = dr.open_audit(case).verify()
    assert found.holds
    assert found.reach[CARRIED] <= found.reach[GATEWAY] < found.entries
    assert f"after entry {found.reach[GATEWAY]}" in repr(found)
    assert "HOLDS" in found._repr_html_()


@pytest.mark.parametrize("missing", [(HEADS,), (HEADS, RECEIPTS)])
def test_without_a_witness_it_does_not_say_that_the_log_holds(case, missing):
    for name in missing:
        shutil.rmtree(case / name, ignore_errors=True)
        (case / name).unlink(missing_ok=True)
    said = repr(dr.open_audit(case).verify())
    assert ("NOBODY ELSE VOUCHES" in said) == (len(missing) == 2)


def test_without_identities_it_says_that_the_log_speaks_for_itself(case):
    shutil.rmtree(case / IDENTITIES)
    desk = dr.open_audit(case)
    assert "AS THE LOG SAYS ITSELF" in repr(desk.verify())
    assert "DOES NOT HOLD: nobody here knows the domain" in repr(desk.receipts())


def test_a_release_without_a_receipt_is_named(case):
    desk = dr.open_audit(case)
    (good,) = desk.receipts().good
    releases = [e.number for e in desk.entries() if e.event == "output-released"]
    (unseen,) = set(releases) - {good.proof.entry.number}
    assert f"tells of 2 releases; no receipt here for entry {unseen}" in repr(desk.receipts())


def test_a_person_who_is_known_from_the_receipt_alone_is_told(case):
    (case / IDENTITIES / "olga.json").unlink()
    assert "holds; keys of olga from it alone" in repr(dr.open_audit(case).receipts())


def test_what_a_stranger_signed_is_refused_and_traced_to_nothing(case):
    (good,) = dr.open_audit(case).receipts().good
    left = next(iter(good.left.values()))
    stranger = SycKeyring.generate("north", "domain").sign(RECEIPT, good.statement.body)
    (case / RECEIPTS / "one.receipt.json").write_bytes(envelope_bytes(stranger))
    desk = dr.open_audit(case)
    ((file, why),) = desk.receipts().refused
    assert (file, "other keys" in why) == ("one.receipt.json", True)
    assert "no release known here" in repr(desk.trace(left))
    assert "does not hold" in repr(desk.read(case / RECEIPTS / file))


def test_something_that_left_leads_back_to_footage_code_and_people(case):
    desk = dr.open_audit(case)
    (good,) = desk.receipts().good
    said = repr(desk.trace(next(iter(good.left.values()))))
    for digest in (good.asked.dataset_version, good.asked.code_digest, *good.left.values()):
        assert digest in said
    assert "by olga" in said
    assert "alice asked to run" in repr(desk.read(good))


def test_an_entry_that_was_changed_is_named_whatever_it_is_compared_with(case):
    text = (case / LOG).read_text()
    (case / LOG).write_text(
        text.replace('\\"submitter\\":\\"alice\\"', '\\"submitter\\":\\"alibi\\"')
    )
    desk = dr.open_audit(case)
    found = desk.verify()
    assert {entries[0].entry for entries in found.findings.values()} == {found.first}
    assert set(found.findings) == {ALONE, GATEWAY, CARRIED}
    changed = next(e for e in desk.entries() if e.number == found.first)
    assert "alibi" in repr(desk.story(changed.job_id))


def test_no_log_no_desk(tmp_path):
    with pytest.raises(InputError, match=LOG):
        dr.open_audit(tmp_path)


@pytest.mark.parametrize(
    "detail", ["[" * 100_000, "7", '{"a":', '{"n":' + "9" * 5000 + "}", "\x1b[31m"]
)
def test_a_detail_of_any_origin_is_shown_short_and_harmless(detail):
    said = detail_words(detail)
    assert len(said) < 300
    assert said.isprintable()
