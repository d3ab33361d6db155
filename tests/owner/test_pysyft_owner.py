"""PySyft's own client in the owner's role shows the review queue, and signs at the desk."""

import time

import pytest
from syft_job.models import JobStatus
from syft_rds.client import SyftRDSClient

from darkroom.adapters.pysyft import owner_box
from darkroom.adapters.pysyft.wire import read_proposal
from darkroom.bootstrap.owner import init_owner, pin_domain
from darkroom.bootstrap.pysyft_owner import login_do
from darkroom.errors import DarkroomError, DeniedError, StateError
from darkroom.model.statement import Statement
from tests.owner.datasite import ALICE, MAIN, NORTH, POLICY, log_in, office_of, pysyft_job
from tests.owner.town import CODE, job, review_body
from tests.post.simulator import party


DEFAULT_RUN = "# Nothing runs this file"


@pytest.fixture
def datasite(town, tmp_path):
    town.rules.sign_policy(POLICY, send=False)
    return log_in(office_of(town), tmp_path, now=town.gateway.clock.now)


def decisions(town):
    return [
        Statement.from_mapping(letter.body["decision"]).body
        for letter in town.heard()
        if letter.kind == "owner.decision"
    ]


def ask(town, name="count 1", *, job_id="ab" * 16, **more):
    fields = pysyft_job(name, **more)
    return town.ask_review(fields.pop("files"), job_id=job_id, **fields)


# ------------------------------------------------------------------------------------ the queue


def test_it_is_the_stock_client_and_a_waiting_review_is_a_job_of_its_submitter(town, datasite):
    assert type(datasite.client) is SyftRDSClient
    assert NORTH == datasite.client.email
    ask(town)

    (found,) = datasite.client.jobs

    assert ("count 1", ALICE, "pending") == (found.name, found.submitted_by, found.status)
    assert MAIN.decode() == found.code
    assert "touch /tmp/it-ran" in found.run_script
    assert {"main.py", "NOT-SHOWN.txt"} == {p.name for p in found.code_dir.iterdir()}
    assert "models/detector.tflite" in (found.code_dir / "NOT-SHOWN.txt").read_text()
    assert "count 1" in str(datasite.client.jobs)


def test_a_job_of_our_own_sdk_is_there_too_with_its_tree_below_code(town, datasite):
    town.ask_review({"job.py": CODE, "lib/boxes.py": b"LIMIT = 3\n"})

    (found,) = datasite.client.jobs

    assert ("count-people", CODE.decode()) == (found.name, found.code)
    assert b"LIMIT = 3\n" == (found.code_dir / "lib" / "boxes.py").read_bytes()
    assert found.run_script.startswith(DEFAULT_RUN)
    assert "sha256:" in str(found.job_headers["darkroom"]["job_digest"])


def test_the_engine_receives_its_own_kind_of_message(town, datasite):
    ask(town)
    box = datasite.client.sync_engine.datasite_owner_syncer.connection_router.connections[0].box
    box.refresh()

    data, _ = box.next_message(ALICE)

    proposal = read_proposal(data)  # the reader of the node, which takes no other form
    assert ALICE == proposal.sender
    head = f"app_data/job/inbox/{ALICE}/v1/count 1/"
    assert all(change.path.startswith(head) for change in proposal.changes)
    assert box.next_message(ALICE) is None  # offered once


def test_two_jobs_of_one_name_are_both_seen_and_each_is_decided_for_itself(town, datasite):
    ask(town, job_id="ab" * 16)
    second = ask(town, job_id="cd" * 16, code={"main.py": b"print(2)\n"})
    assert {"count 1": "pending", "count 1 (cdcdcdcd)": "pending"} == datasite.jobs()

    datasite.client.jobs["count 1 (cdcdcdcd)"].approve()
    datasite.client.process_approved_jobs(timeout=0)

    assert [second.job_digest] == [said["digest"] for said in decisions(town)]
    assert {"count 1": "pending", "count 1 (cdcdcdcd)": "approved"} == datasite.jobs()


def test_what_does_not_hold_is_no_job(town, datasite):
    town.ask_review(attachments={"code/job.py": b"other bytes"})

    assert {} == datasite.jobs()


def test_finished_jobs_leave_the_box_and_stay_at_the_desk(town, datasite, monkeypatch):
    monkeypatch.setattr(owner_box, "KEPT", 2)
    for number in range(5):
        ask(town, f"job {number}", job_id=f"{number:032x}")
    waiting = ask(town, "waits", job_id="ff" * 16)
    datasite.client.sync()
    for number in range(5):
        town.gateway.clock.time += 1
        town.desk.reject(f"job:{number:032x}", "no")

    assert {"job 3": "rejected", "job 4": "rejected", "waits": "pending"} == datasite.jobs()
    assert not any("job 1" in path for path in datasite.files())
    assert 6 == len(town.desk.reviews(everything=True))
    assert waiting.job_digest in town.desk.reviews()


# ------------------------------------------------------------------------------ the owner's word


def test_an_approval_is_a_note_until_it_is_processed_and_then_signed_once(town, datasite):
    request = ask(town)
    datasite.client.jobs["count 1"].approve("counts only")
    datasite.client.sync()
    assert [] == decisions(town)
    assert 1 == len(town.desk.reviews())

    datasite.client.process_approved_jobs(timeout=0)
    datasite.client.process_approved_jobs(timeout=0)

    (said,) = decisions(town)
    assert (request.job_digest, "approve", "counts only") == (
        said["digest"], said["verdict"], said["reason"],
    )  # fmt: skip
    assert 0 == len(town.desk.reviews())
    assert {"count 1": "approved"} == datasite.jobs()


def test_what_an_approval_binds_is_printed_before_it_is_signed(town, datasite):
    request = ask(town, code={"main.py": b"import socket\n"})
    ask(town, job_id="cd" * 16, code={"main.py": b"import socket\n"})  # the same digest
    datasite.client.jobs["count 1"].approve("counts only")
    at_print = []
    datasite.client.job_runner._box._tell = lambda text: at_print.append((text, decisions(town)))

    datasite.client.process_approved_jobs(timeout=0)

    (sheet,) = [text for text, _ in at_print if "signed by you now" in text]
    assert [] == at_print[0][1]
    assert sheet.startswith("“count 1” of alice runs on plaza: this is signed by you now")
    for told in (
        "counts only", "scalars: n", "1,000,000 bits", "memory (MiB)", "What deserves a look",
        "socket", "code/main.py", f"darkroom review show {request.job_digest}",
    ):  # fmt: skip
        assert told in " ".join(sheet.split()), told
    for asked in (
        "If you approve",
        "Decide",
        "Run these",
        "Code: ",
        "requests wait",
    ):
        assert asked not in sheet
    assert [request.job_id] == [said["job_id"] for said in decisions(town)]


def test_a_rejection_is_signed_by_the_next_sync(town, datasite):
    request = ask(town)
    datasite.client.jobs["count 1"].reject("asks for too much")

    datasite.client.sync()
    datasite.client.sync()

    (said,) = decisions(town)
    assert (request.job_digest, "reject", "asks for too much") == (
        said["digest"], said["verdict"], said["reason"],
    )  # fmt: skip
    assert {"count 1": "rejected"} == datasite.jobs()


@pytest.mark.parametrize(("word", "status"), [("approve", "approved"), ("reject", "rejected")])
def test_what_is_decided_at_the_desk_is_decided_here(town, datasite, word, status):
    ask(town)
    assert {"count 1": "pending"} == datasite.jobs()
    (digest,) = town.desk.reviews()

    getattr(town.desk, word)(digest, "said at the desk")

    assert {"count 1": status} == datasite.jobs()
    assert "said at the desk" == datasite.client.jobs["count 1"].review_reason


def test_the_desk_is_right_where_a_note_says_otherwise(town, datasite):
    request = ask(town)
    datasite.client.jobs["count 1"].approve()
    town.desk.reject(request.job_digest, "no")

    datasite.client.process_approved_jobs(timeout=0)

    assert ["reject"] == [said["verdict"] for said in decisions(town)]
    assert {"count 1": "rejected"} == datasite.jobs()


@pytest.mark.parametrize(
    "change",
    [
        lambda place: (place / "code" / "main.py").write_bytes(b"print('harmless')\n"),
        lambda place: (place / "code" / "more.py").write_bytes(b"\n"),
        lambda place: (place / "run.sh").write_bytes(b"\n"),
        lambda place: (place / "code" / "main.py").unlink(),
        lambda place: (place / "code" / "empty").symlink_to("/etc/hostname"),
    ],
)
def test_nothing_is_signed_for_other_bytes_than_those_that_lie_in_the_box(town, datasite, change):
    ask(town)
    place = datasite.client.jobs["count 1"].job_submission_path
    change(place)
    datasite.client.jobs["count 1"].approve()

    with pytest.raises(DeniedError, match="not those of the request"):
        datasite.client.process_approved_jobs(timeout=0)

    assert [] == decisions(town)
    assert {"count 1": "pending"} == datasite.jobs()
    assert MAIN.decode() == datasite.client.jobs["count 1"].code


def test_one_refused_approval_does_not_hold_up_the_others(town, datasite):
    ask(town, "bad", job_id="ab" * 16)
    good = ask(town, "good", job_id="cd" * 16)
    for found in datasite.client.jobs:
        found.approve()
    (datasite.inbox / ALICE / "v1" / "bad" / "run.sh").write_text("")

    with pytest.raises(DeniedError, match="bad"):
        datasite.client.process_approved_jobs(timeout=0)

    assert [good.job_digest] == [said["digest"] for said in decisions(town)]


@pytest.mark.parametrize(
    "text",
    ["status: done\n", "status: [\n", "", "status: running\nreturn_code: 0\n", "!!python/object:x"],
)
def test_a_state_file_written_by_hand_decides_nothing(town, datasite, text):
    ask(town)
    datasite.client.sync()
    (datasite.review / ALICE / "v1" / "count 1" / "state.yaml").write_text(text)

    assert {"count 1": "pending"} == datasite.jobs()
    datasite.client.process_approved_jobs(timeout=0)
    assert [] == decisions(town)


def test_an_automatic_approval_is_refused(town, datasite):
    ask(town)
    found = datasite.client.jobs["count 1"]
    with pytest.raises(DeniedError, match="automatic"):
        found.approve(approval_method="auto")

    state = found._state.model_copy()  # as an older stock client beside this one writes it
    state.status, state.approval_method = JobStatus.APPROVED, "auto"
    datasite.client.job_client.manager.write_state(found._ref, state)
    with pytest.raises(DeniedError, match="not a person"):
        datasite.client.process_approved_jobs(timeout=0)

    assert [] == decisions(town)
    assert {"count 1": "pending"} == datasite.jobs()


def test_notes_survive_a_new_login(town, datasite, tmp_path):
    request = ask(town)
    datasite.client.jobs["count 1"].approve("fine")

    again = log_in(office_of(town), tmp_path, now=town.gateway.clock.now)
    again.client.process_approved_jobs(timeout=0)

    assert [request.job_digest] == [said["digest"] for said in decisions(town)]


# ----------------------------------------------------------------------------------- the outputs


@pytest.fixture
def produced(town, datasite):
    """A job that was approved here and whose outputs came."""
    request = ask(town)
    datasite.client.jobs["count 1"].approve("counts only")
    datasite.client.process_approved_jobs(timeout=0)
    town.heard()
    town.ask_release(request)
    return request


def test_outputs_are_held_until_they_are_shared(town, datasite, produced):
    datasite.client.process_approved_jobs(timeout=5)

    assert [] == decisions(town)
    found = datasite.client.jobs["count 1"]
    assert ("done", "its outputs wait for your release") == (found.status, found.review_reason)
    assert {"log.txt", "people.json", "totals.json"} == {p.name for p in found.output_paths}
    assert b'{"n":17}' == next(p for p in found.output_paths if p.stem == "totals").read_bytes()
    assert datasite.heard("darkroom release show sha256:")


@pytest.mark.parametrize("with_log", [False, True])
def test_sharing_prints_what_leaves_and_signs_its_release_once(town, datasite, produced, with_log):
    for _ in range(2):
        datasite.client.process_approved_jobs(
            timeout=5, share_outputs_with_submitter=True, share_logs_with_submitter=with_log
        )

    (said,) = decisions(town)
    assert ("output", "release") == (said["subject"], said["verdict"])
    assert with_log is said.get("with_log", False)
    (sheet,) = [text for text in datasite.said if text.startswith("The outputs of")]
    words = " ".join(sheet.split())
    assert sheet.startswith("The outputs of “count 1” leave north: this is signed by you now")
    assert ("The log leaves with them." in words) is with_log
    assert ("The log stays here." in words) is not with_log
    assert ("Log (leaves with them)" in sheet) is with_log
    assert ("Log (stays here)" in sheet) is not with_log
    for asked in ("May the outputs", "If you approve", "unless you say so", "Decide", "Run these"):
        assert asked not in sheet
    assert 0 == len(town.desk.releases())
    assert "its outputs are released" == datasite.client.jobs["count 1"].review_reason


def test_what_was_approved_at_the_desk_is_released_at_the_desk(town, datasite):
    ours = ask(town, "ours", job_id="ab" * 16)
    theirs = ask(town, "theirs", job_id="cd" * 16, code={"main.py": b"print(2)\n"})
    datasite.client.jobs["ours"].approve()
    datasite.client.process_approved_jobs(timeout=0)
    datasite.client.jobs["theirs"].approve()  # a wish that the desk is ahead of
    town.desk.approve(theirs.job_digest)
    town.heard()
    left = town.ask_release(ours)["output_digest"]
    stays = town.ask_release(theirs, {"totals": ("scalars", b'{"n":4}')})["output_digest"]

    datasite.client.process_approved_jobs(
        timeout=5, share_outputs_with_submitter=True, share_logs_with_submitter=True
    )

    assert [("release", left)] == [(said["verdict"], said["digest"]) for said in decisions(town)]
    assert datasite.heard(f"darkroom release approve {stays}")
    assert not datasite.heard("The outputs of “theirs”")
    assert 1 == len(town.desk.releases())


def test_what_no_review_was_asked_for_is_mentioned_and_stays(town, datasite):
    asked = town.ask_release(job(job_id="cd" * 16))["output_digest"]

    datasite.client.process_approved_jobs(timeout=5, share_outputs_with_submitter=True)

    assert [] == decisions(town)
    assert datasite.heard(f"darkroom release approve {asked}")


def test_an_approval_that_was_taken_back_releases_nothing(town, datasite):
    request = ask(town)
    datasite.client.jobs["count 1"].approve()
    datasite.client.process_approved_jobs(timeout=0)
    town.desk.withdraw(request.job_digest, "a mistake")
    town.heard()
    asked = town.ask_release(request)["output_digest"]

    datasite.client.process_approved_jobs(timeout=5, share_outputs_with_submitter=True)

    assert [] == decisions(town)
    assert datasite.heard(f"darkroom release approve {asked}")


def test_an_approval_of_an_earlier_login_counts_for_a_release(town, datasite, produced, tmp_path):
    again = log_in(office_of(town), tmp_path, now=town.gateway.clock.now)

    again.client.process_approved_jobs(timeout=5, share_outputs_with_submitter=True)

    assert ["release"] == [said["verdict"] for said in decisions(town)]


def test_the_log_alone_does_not_leave(town, datasite, produced):
    datasite.client.process_approved_jobs(timeout=5, share_logs_with_submitter=True)
    datasite.client.job_runner.share_job_results("count 1", share_outputs=False, share_logs=True)

    assert [] == decisions(town)


def test_held_outputs_can_be_shared_by_name_later(town, datasite, produced):
    datasite.client.process_approved_jobs(timeout=5)
    runner = datasite.client.job_runner

    runner.share_job_results("count 1", share_outputs=True, share_logs=False, user=ALICE)

    assert ["release"] == [said["verdict"] for said in decisions(town)]
    with pytest.raises(DeniedError, match="nothing that waits"):
        runner.share_job_results("count 1", share_outputs=True, share_logs=False)
    with pytest.raises(DeniedError, match="0 jobs"):
        runner.share_job_results("other", share_outputs=True, share_logs=False)


def test_outputs_withheld_at_the_desk(town, datasite, produced):
    (digest,) = town.desk.releases()
    town.desk.withhold(digest, "too few people")

    found = datasite.client.jobs["count 1"]
    assert "rejected" == found.status
    assert "its outputs are withheld: too few people" == found.review_reason


def test_outputs_lie_beside_the_box_and_the_engine_does_not_read_them(town, datasite, produced):
    datasite.client.sync()

    link = datasite.review / ALICE / "v1" / "count 1" / "outputs"
    assert link.is_symlink()
    assert not link.resolve().is_relative_to(datasite.box)
    for place in (datasite.box, datasite.folder / "box-events"):
        assert not any(b'{"n":17}' in p.read_bytes() for p in place.rglob("*") if p.is_file())


def test_a_job_that_failed_is_not_waited_for(town, datasite):
    request = ask(town)
    datasite.client.jobs["count 1"].approve()
    datasite.client.process_approved_jobs(timeout=0)
    body = {
        "level": "info",
        "text": "it failed",
        "ended": {"job": request.job_id, "state": "failed", "why": "exit 1 <b>"},
    }
    town.north.post.send(town.north.post.write("owner.notice", "north-owner", body))

    began = time.monotonic()
    datasite.client.process_approved_jobs(timeout=30)

    assert time.monotonic() - began < 10
    found = datasite.client.jobs["count 1"]
    assert ("failed", "exit 1 b") == (found.status, found.review_reason)


def test_waiting_has_an_end(town, datasite):
    ask(town)
    datasite.client.jobs["count 1"].approve()

    datasite.client.process_approved_jobs(timeout=0.05)

    assert datasite.heard("have brought no outputs yet")
    town.gateway.clock.time += 15 * 86_400
    assert {"count 1": "failed"} == datasite.jobs()  # nobody used the approval


# --------------------------------------------------------------------------- what is not done here


def test_nothing_is_ever_run(town, datasite):
    ask(town)
    datasite.client.jobs["count 1"].approve()
    runner, ref = datasite.client.job_runner, datasite.client.jobs["count 1"]._ref

    for run in (runner._execute_job_streaming, runner._execute_job_captured):
        with pytest.raises(DeniedError, match="not run here"):
            run(ref, 1)
    with pytest.raises(DeniedError, match="not run here"):
        runner._execute_job(ref)
    with pytest.raises(DeniedError, match="does not watch"):
        runner.run()


def test_words_of_pysyft_that_a_domain_does_not_have(town, datasite, produced, tmp_path):
    client = datasite.client
    found = client.jobs["count 1"]
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(DeniedError, match="once"):
        found.rerun()
    with pytest.raises(DeniedError, match="nothing was taken") as refusal:
        found.accept_by_depositing_result(str(tmp_path / "result.json"))
    for instead in ("job.approve()", "process_approved_jobs()", "job.reject("):
        assert instead in refusal.value.next_step
    for share in (found.share_outputs, found.share_logs):
        with pytest.raises(DeniedError, match="signed release"):
            share([ALICE])
    with pytest.raises(DeniedError, match="submits no jobs"):
        client.submit_bash_job(ALICE, "true")
    with pytest.raises(DeniedError, match="submits no jobs"):
        client.job_client.submit_python_job(ALICE, str(tmp_path))
    with pytest.raises(DeniedError, match="sent to nobody"):
        client.share_private_dataset("plaza", "enclave@darkroom")
    assert [] == decisions(town)


def test_a_deposited_result_is_swept_away(town, datasite, tmp_path):
    ask(town)
    place = datasite.client.jobs["count 1"].job_review_path / "outputs"
    place.mkdir()
    (place / "result.json").write_text("{}")

    datasite.client.sync()

    assert not place.exists()


def test_deleting_the_box_deletes_a_view(town, datasite):
    ask(town)
    datasite.client.sync()

    datasite.client.delete_syftbox()

    assert not datasite.box.exists()
    assert 1 == len(town.desk.reviews())
    assert {"count 1": "pending"} == datasite.jobs()


def test_without_the_gateway_the_box_shows_what_was_known(town, datasite):
    ask(town)
    datasite.client.sync()
    town.gateway.away = True

    assert {"count 1": "pending"} == datasite.jobs()
    datasite.client.jobs["count 1"].reject("no")
    datasite.client.sync()
    assert 1 == sum("does not answer" in text for text in datasite.said)

    town.gateway.away = False
    datasite.client.sync()
    assert ["reject"] == [said["verdict"] for said in decisions(town)]


def test_an_idle_sync_is_quick(town, datasite):
    for number in range(20):
        ask(town, f"job {number}", job_id=f"{number:032x}")
    datasite.client.sync()
    assert 20 == len(datasite.client.jobs)

    times = []
    for _ in range(3):
        began = time.monotonic()
        datasite.client.sync()
        times.append(time.monotonic() - began)

    assert min(times) < 0.3


# ----------------------------------------------------------------------------------- a reviewer


def test_a_reviewer_votes_and_changes_no_policy(town, tmp_path):
    datasite = log_in(office_of(town, reviewer=True), tmp_path, now=town.gateway.clock.now)
    request = ask(town)

    datasite.client.jobs["count 1"].approve("looks fine")
    datasite.client.process_approved_jobs(timeout=0)

    assert [request.job_digest] == [said["digest"] for said in decisions(town)]
    for act in (
        lambda: datasite.client.approve_peer_request("bob@darkroom", peer_must_exist=False),
        lambda: datasite.client.create_dataset("plaza", None, tmp_path),
    ):
        with pytest.raises(DeniedError, match="does not own it"):
            act()
    assert [] == town.heard()


# ---------------------------------------------------------------------------------- hostile asks


HOSTILE_NAMES = [
    "../../../bob@darkroom/v1/x", "/etc/cron.d/x", "..", ".git", "v1", "V1", "v2", "node_modules",
    "__pycache__", "syft.pub.yaml", "SYFT.PUB.YAML", "a" * 101, "a\nb", "\x1b[2J", " x", "",
    "<img src=x onerror=alert(1)>", "a&b", "`id`", "\u202ename", 7, True,
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_is_replaced_by_the_id_of_the_job(town, datasite, name):
    fields = pysyft_job(name)
    if not isinstance(name, str):
        fields["parameter_schema"] = {"pysyft_job": "bool" if name is True else "int"}
    before = datasite.files()
    town.ask_review(fields.pop("files"), **fields)

    assert {"ab" * 16: "pending"} == datasite.jobs()

    head = f"{ALICE}/v1/{'ab' * 16}/"
    assert all(
        path.startswith((f"app_data/job/inbox/{head}", f"app_data/job/review/{head}"))
        for path in datasite.files() - before
    )


HOSTILE_FILES = [
    {"main.py": MAIN, "syft.pub.yaml": b"rules:\n- pattern: '**'\n  access:\n    admin: [alice@darkroom]\n"},
    {"main.py": MAIN, "lib/syft.pub.yaml": b"terminal: false\n"},
    {"main.py": MAIN, "syft.pub.yaml/x.py": b"\n"},
    {"main.py": MAIN, "node_modules/evil.py": b"import os\n"},
    {"main.py": MAIN, "__pycache__/evil.py": b"import os\n"},
    {"main.py": MAIN, "evil.py": b"# -*- coding: latin-1 -*-\nx = '\xe9'\n"},
    {"main.py": MAIN, "long.py": b"#" * (2 << 20)},
    {"main.py": b"x = 1 # \x1b[2J\n"},
    {"main.py": "access = 'user\u202e # admin'\n".encode()},
    {"main.py": b"a = 1\rb = 2\n"},
]  # fmt: skip


@pytest.mark.parametrize("code", HOSTILE_FILES)
def test_what_cannot_be_seen_here_is_listed_and_decided_at_the_desk(town, datasite, code):
    permissions = {path for path in datasite.files() if path.endswith("syft.pub.yaml")}
    ask(town, code=code)
    found = datasite.client.jobs["count 1"]
    assert "pending" == found.status
    assert permissions == {path for path in datasite.files() if path.endswith("syft.pub.yaml")}
    assert not any(ord(c) < 32 and c not in "\n\t" for c in found.code)
    assert "\u202e" not in found.code

    found.approve()
    with pytest.raises(DeniedError, match="cannot be judged here") as error:
        datasite.client.process_approved_jobs(timeout=0)

    assert "darkroom review show sha256:" in error.value.next_step
    assert [] == decisions(town)
    datasite.client.jobs["count 1"].reject("hides something")
    datasite.client.sync()
    assert ["reject"] == [said["verdict"] for said in decisions(town)]


def test_a_file_that_is_a_folder_too_stops_nobody_else(town, datasite):
    ask(town, "odd", job_id="ab" * 16, code={"main.py": MAIN, "a": b"x\n", "a/b.py": b"\n"})
    ask(town, "even", job_id="cd" * 16)

    assert {"odd": "pending", "even": "pending"} == datasite.jobs()


@pytest.mark.parametrize("path", ["state.yaml", "config.yaml", "run.sh", "review/state.yaml"])
def test_no_file_of_a_job_becomes_one_of_the_engine(town, datasite, path):
    text = b"status: approved\nname: other\nsubmitted_by: north@darkroom\n"
    town.ask_review({"job.py": CODE, path: text})

    (found,) = datasite.client.jobs

    assert ("count-people", ALICE, "pending") == (found.name, found.submitted_by, found.status)
    assert text == (found.code_dir / path).read_bytes()


def test_a_job_dressed_up_as_one_of_pysyft_shows_what_really_starts(town, datasite):
    fields = pysyft_job()
    fields["files"]["pysyft_job.py"] += b"\nimport os; os.system('id')\n"
    town.ask_review(fields.pop("files"), **fields)

    found = datasite.client.jobs["count 1"]

    assert "os.system" in found.code
    assert (found.code_dir / "code" / "main.py").is_file()
    assert (found.code_dir / "run.sh").is_file()


def test_whoever_is_called_like_the_owner_has_no_place_in_the_box(town, datasite):
    mallory = party(town.gateway, "north@darkroom", "scientist").identity
    request = job(submitter=mallory)
    town.ask_review(body=review_body(request, submitter=mallory))

    assert {} == datasite.jobs()
    assert datasite.heard("cannot be shown")
    assert 1 == len(town.desk.reviews())


def test_jobs_of_who_is_no_peer_are_mentioned_and_not_taken(town, datasite):
    bob = party(town.gateway, "bob", "scientist").identity
    town.ask_review(body=review_body(job(submitter=bob), submitter=bob))
    ask(town)

    assert {"count 1": "pending"} == datasite.jobs()
    assert datasite.heard("jobs of bob@darkroom are at the desk")


# ------------------------------------------------------------------------------------- the login


def test_login_do_opens_an_owner_state_and_works_while_the_gateway_is_away(town, tmp_path, capsys):
    state = tmp_path / "state"
    init_owner(state, domain="north", gateway="http://127.0.0.1:1", allow_plain_http=True)
    pin_domain(state, town.north.identity)

    client = login_do(state)

    assert type(client) is SyftRDSClient
    assert (NORTH, state / "SyftBox") == (client.email, client.syftbox_folder)
    assert 0 == len(client.jobs)
    assert "shows what was known before" in capsys.readouterr().out
    keys = (state / "keys.json").read_bytes()
    assert not any(p.read_bytes() == keys for p in client.syftbox_folder.rglob("*") if p.is_file())


def test_login_do_needs_an_owner_whose_domain_is_pinned(tmp_path):
    with pytest.raises(StateError, match="no data owner"):
        login_do(tmp_path / "nobody")
    init_owner(tmp_path / "state", domain="north", gateway="http://127.0.0.1:1")
    with pytest.raises(DarkroomError):
        login_do(tmp_path / "state")
