"""`darkroom policy check | diff | sign | show`, as an owner types them; no gateway answers."""

import json

import pytest
from click.testing import CliRunner

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.bootstrap.owner import owner_identity
from darkroom.cli import cli
from darkroom.errors import SpecError
from darkroom.model.identity import PublicIdentity
from darkroom.model.statement import Statement


POLICY = """\
version: 1
domain: north
grants:
  - {scientist: alice, datasets: [plaza], tiers: [reviewed]}
budgets:
  - {name: week, per: dataset, period_days: 7, releases: 20}
"""
DOMAIN = """\
domain: north
title: North
environments: {tflite: litert}
datasets: [{name: plaza}]
"""


class Study:
    """An owner's folder and files."""

    def __init__(self, folder):
        self.folder, self.state = folder, folder / "owner"
        self.file, self.out = folder / "policy.yaml", folder / "policy.signed.json"
        self.file.write_text(POLICY)
        self.run("owner", "init", "--domain", "north", "--gateway", "http://127.0.0.1:1")
        north = self.write("north.json", SycKeyring.generate("north", "domain"))
        self.run("owner", "pin", north)

    def write(self, name, keyring):
        path = self.folder / name
        path.write_text(json.dumps(keyring.identity.to_mapping()))
        return path

    def run(self, *words, state=True, code=0):
        more = ["--state", str(self.state)] if state else []
        done = CliRunner().invoke(cli, [*map(str, words), *more], catch_exceptions=False)
        assert code == done.exit_code, done.output
        return done.output

    def check(self, *words, code=0):
        return self.run("policy", "check", self.file, *words, state=False, code=code)

    def sign(self, *words):
        return self.run("policy", "sign", self.file, "--out", self.out, *words)

    def change(self, *pairs):
        text = self.file.read_text()
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        self.file.write_text(text)

    def signed(self):
        """(body of the statement, identities), both checked."""
        said = json.loads(self.out.read_text())
        statement = Statement.from_mapping(said["policy"])
        body = SycVerifier().check_statement(statement, "policy", owner_identity(self.state))
        return body, [PublicIdentity.from_mapping(i) for i in said["identities"]]


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path)


def test_a_sound_policy_is_said_in_plain_words(study):
    said = study.check()
    assert "Policy 1 of north" in said
    assert "alice" in said


def test_all_that_is_wrong_is_said_at_once_with_its_lines(study):
    study.change(("per: dataset", "per: scientist, datasets: [yard]"))
    said = study.check(code=2).replace("\n", " ")
    assert f"{study.file}:4: alice may ask for plaza without end" in said
    assert f"{study.file}:6: the budget week covers yard" in said
    assert 2 == said.count("next: ")
    with pytest.raises(SpecError, match=":4: "):
        study.run("policy", "diff", study.file)
    study.run("policy", "sign", study.file, code=2)
    assert "signed no policy" in study.run("policy", "show")


def test_a_dataset_that_the_domain_does_not_have_is_said(study):
    (study.folder / "domain.yaml").write_text(DOMAIN.replace("plaza", "yard"))
    assert ":4: domain.yaml has no dataset plaza" in study.check(code=2)
    other = study.folder / "elsewhere.yaml"
    other.write_text(DOMAIN)
    assert "Policy 1" in study.check("--domain-yaml", other)


def test_hostile_text_in_a_file_is_shown_and_not_obeyed(study):
    study.change(("version: 1", 'version: 1\n"\\e[2Jmoon": 1'))
    said = study.check(code=2)
    assert "\x1b" not in said
    assert "moon" in said


def test_signing_shows_the_difference_first(study):
    said = study.sign()
    assert "against no policy at all" in said
    assert "alice on plaza" in said
    assert f"in {study.out}" in said
    body, identities = study.signed()
    assert (1, []) == (body["version"], identities)
    assert "Policy 1 of north" in study.run("policy", "show")

    study.change(("version: 1", "version: 2"), ("releases: 20", "releases: 30"))
    said = study.sign()
    assert "against policy 1" in said
    assert "budget week: releases" in said
    assert 2 == study.signed()[0]["version"]


def test_a_version_that_does_not_rise_is_not_signed(study):
    study.sign()
    study.change(("releases: 20", "releases: 30"))
    with pytest.raises(SpecError, match="does not rise"):
        study.sign()
    assert 1 == study.signed()[0]["version"]
    assert "20" in study.run("policy", "show")


def test_a_difference_is_against_what_was_signed_last_or_another_file(study):
    assert "against no policy at all" in study.run("policy", "diff", study.file)
    study.sign()
    study.change(("version: 1", "version: 2"), ("[plaza]", "[plaza, yard]"))
    against_last = study.run("policy", "diff", study.file)
    assert "+  alice on yard" in against_last
    for other in (study.out, study.folder / "first.yaml"):
        if other.suffix == ".yaml":
            other.write_text(POLICY)
        assert against_last == study.run("policy", "diff", study.file, "--against", other)


def test_policies_of_two_domains_are_not_compared(study):
    other = study.folder / "east.yaml"
    other.write_text(POLICY.replace("north", "east"))
    with pytest.raises(SpecError, match="is for north, the other policy for east"):
        study.run("policy", "diff", study.file, "--against", other)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"policy": []}', '{"policy": {"body": {}}}'])
def test_what_is_no_signed_policy_cannot_be_compared_with(study, text):
    study.out.write_text(text)
    with pytest.raises(SpecError) as caught:
        study.run("policy", "diff", study.file, "--against", study.out)
    assert caught.value.next_step


def test_a_reviewer_is_named_with_their_identity_once(study):
    carol = SycKeyring.generate("carol", "owner")
    file = study.write("carol.json", carol)
    reviews = (
        "reviews:\n  code: 2\n  reviewers:\n"
        f"    - {{name: carol, fingerprint: '{carol.identity.fingerprint}'}}\n"
    )
    with study.file.open("a") as policy:
        policy.write(reviews)
    with pytest.raises(SpecError, match="reviewer carol is not known"):
        study.sign()

    study.sign("--identity", file)
    assert [carol.identity] == study.signed()[1]
    study.change(("version: 1", "version: 2"))
    study.sign()
    assert [carol.identity] == study.signed()[1]


def test_an_identity_that_the_policy_does_not_name_is_refused(study):
    file = study.write("carol.json", SycKeyring.generate("carol", "owner"))
    with pytest.raises(SpecError, match="names no reviewer carol"):
        study.sign("--identity", file)
    assert not study.out.exists()
