"""The owner's commands against a real gateway, as a person types them."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sqlite.pins import SqlitePins
from darkroom.bootstrap.owner import open_desk, read_public_identity
from darkroom.cli import cli
from darkroom.errors import DarkroomError
from darkroom.model.override import GATEWAY_LOST, NOTHING_RAN
from darkroom.model.statement import Statement
from darkroom.model.tree_head import KIND as HEAD
from darkroom.model.tree_head import LedgerMark, TreeHead
from darkroom.post import Invitation, Post
from tests.gateway.serving import serving
from tests.owner.town import CODE, code, job, release_body, review_body
from tests.post.simulator import MemoryPins


POLICY = """
version: 1
domain: north
grants:
  - {scientist: alice, datasets: [plaza], tiers: [reviewed]}
budgets:
  - {name: week, per: dataset, period_days: 7, releases: 20}
reviews:
  approval_days: 5
"""
SOURCE = Path(__file__).parents[2] / "src"
DEADLINE = 30.0


class Place:
    """An owner's folder, and the node `north` as keys and post."""

    def __init__(self, folder, gateway):
        self.folder, self.state, self.address = folder, folder / "owner", gateway.address
        self.keyring = SycKeyring.generate("north", "domain")
        self.pins = MemoryPins()
        self.relay = gateway.relay(self.keyring)
        self.relay.register(self.keyring.identity)
        self.post = Post(
            relay=self.relay,
            keyring=self.keyring,
            verifier=SycVerifier(),
            pins=self.pins,
            clock=SystemClock(),
        )
        self.node_file = folder / "node.json"
        self.node_file.write_text(json.dumps(self.keyring.identity.to_mapping()))

    def run(self, *arguments, state=True):
        """One command; what it printed on standard output."""
        more = ["--state", str(self.state)] if state else []
        done = CliRunner().invoke(cli, [*map(str, arguments), *more], catch_exceptions=False)
        assert 0 == done.exit_code, done.output
        return done.stdout

    def begin(self):
        """What owner and operator do with two files."""
        public = self.folder / "owner.json"
        said = self.run(
            "owner", "init", "--domain", "north", "--gateway", self.address, "--public", public
        )
        self.run("owner", "pin", self.node_file)
        self.owner = read_public_identity(public)
        self.pins.pin(self.owner)
        self.relay.admit("north-owner")
        self.run("policy", "show")
        return said

    def ask_review(self):
        request = job()
        self.tell("review.request", review_body(request), code({"job.py": CODE}))
        return request

    def ask_release(self):
        body, attachments = release_body(job())
        self.tell("release.request", body, attachments)
        return body["output_digest"]

    def tell(self, kind, body, attachments):
        self.post.send(self.post.write(kind, "north-owner", body, attachments))

    def hear(self, kind, field):
        """The body of the one statement that arrived."""
        (delivery,) = self.post.receive(wait=DEADLINE)
        self.post.acknowledge(delivery.cursor)
        statement = Statement.from_mapping(delivery.letter.body[field])
        return SycVerifier().check_statement(statement, kind, self.owner)


@pytest.fixture
def place(tmp_path):
    with serving(tmp_path / "gateway") as gateway:
        place = Place(tmp_path, gateway)
        place.first_words = place.begin()
        place.run("review", "ls")  # the owner's name is in the directory from here on
        yield place
        place.relay.close()


def test_a_reviewer_asks_and_then_requests_changes(place):
    request = place.ask_review()
    place.run("review", "ls")
    said = place.run("review", "ask", request.job_digest[:19], "why  so many rows?")
    assert request.job_id in said
    asked = place.hear("question", "question")
    assert (asked["job_id"], asked["text"]) == (request.job_id, "why so many rows?")

    told = {
        "job_id": request.job_id, "number": 1, "side": "scientist", "by": "alice",
        "text": "one for each hour", "at": 1.0,
    }  # fmt: skip
    place.tell("review.message", told, {})
    shown = place.run("review", "show", request.job_digest)
    assert "one for each hour" in shown
    assert "darkroom review request-changes" in shown

    place.run("review", "request-changes", request.job_digest, "fewer rows")
    body = place.hear("decision", "decision")
    assert (body["verdict"], body["reason"]) == ("request-changes", "fewer rows")
    assert "changes requested" in place.run("review", "ls", "--all")


RAN = ("--because", NOTHING_RAN, "--yes")


def restored_notice(place, **more):
    """What a domain says that came back from a backup, with a head of its log."""
    ledger = LedgerMark(number=3, chain="c" * 64)
    head = TreeHead(domain="north", epoch=2, size=7, root="a" * 64, at=9.0, ledger=ledger)
    said = place.keyring.sign(HEAD, {**head.to_body(), **more}).to_mapping()
    body = {"level": "warning", "text": "restored", "believe": said, "restored": 2}
    place.tell("owner.notice", body, {})
    return said


def test_the_owner_says_that_a_ledger_is_believed(place):
    body = restored_notice(place)["body"]
    shown = place.run("owner", "override", "north", "--reason", "nothing ran", *RAN)
    assert "epoch 2" in shown
    assert "3 entries" in shown
    said = place.hear("override", "override")
    assert (said["head"], said["reason"]) == (body, "nothing ran")
    assert (said["purpose"], said["epoch"]) == (NOTHING_RAN, 2)
    assert "speaks for epoch 2 alone" in shown
    file = place.folder / "override.signed.json"
    place.run("owner", "override", "north", *RAN, "--out", file)
    statement = Statement.from_mapping(json.loads(file.read_text())["override"])
    assert SycVerifier().check_statement(statement, "override", place.owner)["head"] == body
    heads = place.folder / "heads"
    heads.write_text(
        json.dumps({"darkroom-audit-heads": 1, "domain": "north"}) + "\n"
        + json.dumps({"head": place.keyring.sign(HEAD, {**body, "size": 9}).to_mapping()}) + "\n"
    )  # fmt: skip
    assert "9 entries" in place.run("owner", "override", "north", *RAN, "--head", heads)
    for epoch in (1, 3):
        with pytest.raises(DarkroomError, match=f"no restore opened epoch {epoch}"):
            place.run("owner", "override", "north", *RAN, "--epoch", epoch)


def test_the_owner_says_that_a_gateway_lost_its_store_and_nothing_else(place):
    restored_notice(place)
    lost = ("owner", "override", "north", "--yes", "--because", GATEWAY_LOST)
    assert "No budget is" in place.run(*lost)
    assert place.hear("override", "override")["purpose"] == GATEWAY_LOST
    with pytest.raises(DarkroomError, match="the one of now"):
        place.run(*lost, "--epoch", 1)


def test_the_owner_signs_for_no_head_that_the_domain_did_not_sign(place):
    with pytest.raises(DarkroomError, match="has not asked"):
        place.run("owner", "override", "north", *RAN)
    said = restored_notice(place)
    forged = SycKeyring.generate("north", "domain").sign(HEAD, said["body"]).to_mapping()
    place.tell("owner.notice", {"level": "info", "text": "x", "believe": forged}, {})
    with pytest.raises(DarkroomError):
        place.run("owner", "override", "north", *RAN)
    with pytest.raises(DarkroomError, match="owner of north"):
        place.run("owner", "override", "south", *RAN)


def test_a_restored_domain_gets_the_last_policy_once_more(place):
    file = place.folder / "policy.yaml"
    file.write_text(POLICY)
    place.run("policy", "sign", file)
    assert place.hear("policy", "policy")["version"] == 1
    restored_notice(place)
    place.run("review", "ls")
    place.run("review", "ls")
    assert place.hear("policy", "policy")["version"] == 1


def test_an_owners_keys_are_made_once_and_the_words_are_shown_once(place):
    again = place.run("owner", "init", "--domain", "north", "--gateway", place.address)

    assert "recovery words" in place.first_words
    assert "recovery words" not in again
    assert place.owner.fingerprint in again
    assert 0o600 == stat.S_IMODE((place.state / "keys.json").stat().st_mode)
    public = json.loads(place.run("owner", "show", "--public"))
    assert place.owner.to_mapping() == public
    shown = place.run("owner", "show")
    assert place.owner.fingerprint in shown
    assert place.keyring.identity.fingerprint in shown


def test_a_folder_that_belongs_to_another_domain_is_left_as_it_is(place):
    with pytest.raises(DarkroomError, match="already belongs"):
        place.run("owner", "init", "--domain", "south", "--gateway", place.address)


@pytest.mark.attack
def test_another_key_for_the_domain_needs_a_person(place):
    place.node_file.write_text(
        json.dumps(SycKeyring.generate("north", "domain").identity.to_mapping())
    )

    with pytest.raises(DarkroomError, match="another key is pinned"):
        place.run("owner", "pin", place.node_file)


def test_the_pinned_fingerprint_may_be_named(place):
    right = place.keyring.identity.fingerprint
    assert right in place.run("owner", "pin", place.node_file, "--fingerprint", right)
    done = CliRunner().invoke(
        cli,
        ["owner", "pin", str(place.node_file), "--fingerprint", "sha256:0", "--state",
         str(place.state)],
    )  # fmt: skip
    assert 1 == done.exit_code
    assert "not the one you named" in done.output


def test_from_a_request_to_a_released_output(place):
    request = place.ask_review()
    assert "count-people on plaza" in place.run("review", "ls")

    shown = place.run("review", "show", request.job_digest)
    assert "def count(data, params):" in shown
    page = Path(
        place.run("review", "open", request.job_digest[:19]).strip().removeprefix("file://")
    )
    assert "<!doctype html>" in page.read_text()
    assert 0o600 == stat.S_IMODE(page.stat().st_mode)
    (command,) = re.findall(r"darkroom (review approve \S+)", page.read_text())

    assert request.job_digest in place.run(*command.split())
    body = place.hear("decision", "decision")
    assert ("approve", request.job_digest) == (body["verdict"], body["digest"])

    digest = place.ask_release()
    assert "people" in place.run("release", "ls")
    assert "17" in place.run("release", "show", digest)
    place.run("release", "approve", digest, "--with-log", "--reason", "fine")
    body = place.hear("decision", "decision")
    assert ("release", True, "fine") == (body["verdict"], body["with_log"], body["reason"])
    assert "No release waits" in place.run("release", "ls")
    assert "release" in place.run("release", "ls", "--all")


def test_no_is_said_as_easily(place):
    request = place.ask_review()
    place.run("review", "reject", request.job_digest, "--reason", "too much")
    assert "reject" == place.hear("decision", "decision")["verdict"]

    place.run("release", "withhold", place.ask_release())
    assert "withhold" == place.hear("decision", "decision")["verdict"]


def test_a_policy_by_file_and_by_letter(place):
    file, out = place.folder / "policy.yaml", place.folder / "policy.signed.json"
    file.write_text(POLICY)

    assert "you read every job" in place.run("policy", "check", file, state=False)
    place.run("policy", "sign", file, "--out", out)
    statement = Statement.from_mapping(json.loads(out.read_text())["policy"])
    assert 1 == SycVerifier().check_statement(statement, "policy", place.owner)["version"]

    file.write_text(POLICY.replace("version: 1", "version: 2"))
    place.run("policy", "sign", file)
    assert 2 == place.hear("policy", "policy")["version"]
    assert "Policy 2 of north" in place.run("policy", "show")


def test_an_approval_is_for_some_days_and_can_be_taken_back(place):
    digest = place.ask_review().job_digest
    said = place.run("review", "approve", digest, "--days", "2")
    body = place.hear("decision", "decision")
    assert 2 * 86_400 - 1 <= body["expires_at"] - body["decided_at"] <= 2 * 86_400
    assert ", until 20" in said
    listed = place.run("review", "ls", "--all").split()
    assert listed.index("approved") + 1 == listed.index("until")
    shown = place.run("review", "show", digest)
    assert f"darkroom review withdraw {digest}" in shown

    place.run("review", "withdraw", digest, "--reason", "a mistake")

    body = place.hear("decision", "decision")
    assert ("withdraw", "code", digest) == (body["verdict"], body["subject"], body["digest"])
    assert "withdrawn" in place.run("review", "ls", "--all")


def test_an_approval_says_no_longer_than_the_policy_allows(place):
    file = place.folder / "policy.yaml"
    file.write_text(POLICY)
    place.run("policy", "sign", file)
    place.hear("policy", "policy")
    place.run("review", "approve", place.ask_review().job_digest)

    body = place.hear("decision", "decision")
    assert 5 * 86_400 - 1 <= body["expires_at"] - body["decided_at"] <= 5 * 86_400


def test_a_reviewer_has_own_keys_votes_and_signs_no_rules(place):
    state, public = place.folder / "carol", place.folder / "carol.json"

    def run(*arguments):
        done = CliRunner().invoke(
            cli, [*map(str, arguments), "--state", str(state)], catch_exceptions=False
        )
        assert 0 == done.exit_code, done.output
        return done.stdout

    run("owner", "init", "--domain", "north", "--gateway", place.address, "--name", "carol",
        "--reviewer", "--public", public)  # fmt: skip
    run("owner", "pin", place.node_file)
    carol = read_public_identity(public)
    place.pins.pin(carol)
    place.relay.admit("carol")
    assert "carol (reviewer)" in run("owner", "show")
    assert carol.fingerprint in run("owner", "show")

    request = job()
    place.post.send(
        place.post.write("review.request", "carol", review_body(request), code({"job.py": CODE}))
    )
    run("review", "approve", request.job_digest)
    (delivery,) = place.post.receive(wait=DEADLINE)
    vote = Statement.from_mapping(delivery.letter.body["decision"])
    body = SycVerifier().check_statement(vote, "decision", carol)
    assert ("approve", request.job_digest) == (body["verdict"], body["digest"])

    file = place.folder / "policy.yaml"
    file.write_text(POLICY)
    for command in (("policy", "sign", file), ("owner", "invite", "bob")):
        with pytest.raises(DarkroomError, match="carol reviews for north and does not own it"):
            run(*command)


def test_a_reviewer_is_asked_for_a_name(tmp_path):
    with pytest.raises(DarkroomError, match="a name of their own"):
        CliRunner().invoke(
            cli,
            ["owner", "init", "--domain", "north", "--gateway", "http://127.0.0.1:1",
             "--reviewer", "--state", str(tmp_path)],
            catch_exceptions=False,
        )  # fmt: skip


def test_quiet_prints_the_line_and_nothing_else(place):
    line = place.run("owner", "invite", "alice", "--quiet")

    assert 1 == len(line.splitlines())
    invitation = Invitation.decode(line)
    assert place.keyring.identity.fingerprint == invitation.domain_fingerprint
    assert place.address == invitation.gateway
    assert invitation.to_body() == place.hear("invitation", "invitation")


def test_the_desk_of_a_notebook(place):
    request = place.ask_review()
    desk = open_desk(place.state)

    (digest,) = desk.reviews()
    assert "count-people" in desk.show(digest)._repr_html_()
    desk.approve(digest)

    assert request.job_digest == place.hear("decision", "decision")["digest"]


def test_a_watch_with_yes_says_what_it_does_and_ends_when_told(place):
    said = Watch(place.state)
    try:
        said.wait_for("watching")
        request = place.ask_review()
        said.wait_for(f"APPROVED {request.job_digest}")
        assert "approve" == place.hear("decision", "decision")["verdict"]
        digest = place.ask_release()
        said.wait_for(f"RELEASED {digest}")
        assert "release" == place.hear("decision", "decision")["verdict"]
    finally:
        code = said.stop()

    assert 0 == code
    assert "EVERYTHING" in said.text
    assert "def count(data, params):" in said.text
    assert "Traceback" not in said.text


class Watch:
    """`darkroom owner watch --yes` as a process; its lines are waited for."""

    def __init__(self, state):
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from darkroom.cli import main; main()",
             "owner", "watch", "--yes", "--state", str(state)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), "COLUMNS": "200"},
        )  # fmt: skip
        self.text = ""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._news:
                self.text += line
                self._news.notify_all()

    def wait_for(self, words):
        with self._news:
            assert self._news.wait_for(lambda: words in self.text, DEADLINE), self.text

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        self.process.stdout.close()
        return code


# ------------------------------------------------------------------------- key files and pins


def test_identities_are_made_shown_recovered_and_unpinned(tmp_path):
    def run(*arguments, **more):
        done = CliRunner().invoke(
            cli, ["identity", *map(str, arguments)], catch_exceptions=False, **more
        )
        assert 0 == done.exit_code, done.output
        return done.stdout

    keys, again = tmp_path / "keys.json", tmp_path / "again.json"
    made = run("init", keys, "--name", "alice", "--role", "scientist")
    words = made.strip().splitlines()[-1].strip()
    assert 24 == len(words.split())

    public = run("show", keys, "--public")
    (tmp_path / "public.json").write_text(public)
    assert run("show", keys) == run("show", tmp_path / "public.json")

    run("recover", again, "--name", "alice", "--role", "scientist", input=f"{words}\n")
    assert public == run("show", again, "--public")

    pins = SqlitePins(tmp_path / "pins.sqlite")
    pins.pin(SycKeyring.load(keys).identity)
    pins.close()
    assert "alice (scientist)" in run("pins", tmp_path / "pins.sqlite")
    run("unpin", tmp_path / "pins.sqlite", "alice")
    assert "" == run("pins", tmp_path / "pins.sqlite")
