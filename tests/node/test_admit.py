"""HOP 4: what comes in, and what becomes of it."""

from dataclasses import replace

import pytest

from darkroom.model.output import Table
from darkroom.node import admit
from tests.node.village import CODE, FILES, keys, rule, spec


def last_state(village, job_id, person=None):
    return (person or village.alice).letters("job.state", job_id)[-1].body


def test_a_job_that_no_rule_approves_waits_for_the_owner_who_sees_exactly_its_bytes(village):
    village.in_force()
    request = village.submitted()

    assert village.state_of(request.job_id) == "screened"
    (asked,) = village.owner.letters("review.request", request.job_id)
    assert asked.attachments == {"code/job.py": CODE}
    assert asked.body["request"] == request.to_mapping()
    assert asked.body["mock"] == {"seconds": 0.5, "frames": 3}
    assert asked.body["submitter"]["name"] == "alice"
    assert asked.body["verdict"]["decision"] == "review"


def test_a_job_that_a_rule_approves_runs_at_once(village):
    known = rule(spec().code_digest)
    village.in_force(rules=(known,))
    request = village.submitted()

    record = village.job(request.job_id)
    assert (record.state, record.approved_by, record.released_by) == (
        "released",
        f"rule {known.name}",
        f"rule {known.name}",
    )
    assert village.owner.letters("review.request") == []
    assert village.owner.letters("release.request") == []


def test_without_a_policy_everything_is_denied(village):
    request = village.submitted()

    assert village.state_of(request.job_id) == "rejected"
    assert "no policy" in last_state(village, request.job_id)["reasons"][0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"audience": "east"}, "another domain"),
        ({"dataset": "garage"}, "no access"),
        ({"dataset_version": "sha256:" + "0" * 64}, "newer version"),
        ({"submitter_fingerprint": "sha256:" + "0" * 64}, "another submitter"),
    ],
)
def test_what_the_policy_does_not_allow_is_rejected_with_the_reason(village, change, said):
    village.in_force()
    request = village.submitted(**change)

    assert village.state_of(request.job_id) == "rejected"
    assert said in " ".join(last_state(village, request.job_id)["reasons"])
    assert not village.node.runner._shelf.path(request.spec.code_digest).exists()


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"job.py": CODE + b" "},
        {**FILES, "extra.py": b""},
        {"lib/job.py": CODE},
        {"Job.py": CODE},
    ],
    ids=["none", "one byte more", "one file more", "same name elsewhere", "other case"],
)
def test_files_that_are_not_exactly_those_of_the_spec_are_refused(village, files):
    village.in_force()
    request = village.request()
    village.submit(request, files=files)
    village.settle()

    assert village.state_of(request.job_id) == "rejected"
    assert "file" in last_state(village, request.job_id)["reasons"][0]


def test_the_same_letter_twice_is_one_job(village):
    village.in_force()
    request = village.request()
    letter = village.submit(request)
    village.poll()
    box = village.exchange.mailboxes["north"]
    village.exchange.taken.clear()
    village.alice.post.send(letter)
    assert len(box) == 1
    village.settle()

    assert village.events(request.job_id).count("job-received") == 1
    assert len(village.owner.letters("review.request")) == 1


def test_the_same_job_in_two_letters_is_one_job(village):
    village.in_force()
    request = village.submitted()
    village.submit(request)
    village.settle()

    assert len(village.store.jobs()) == 1
    assert len(village.owner.letters("review.request")) == 1


def test_somebody_elses_job_id_is_not_taken_over_and_not_told_apart(village):
    village.in_force()
    request = village.submitted()
    stolen = village.request(village.bob, job_id=request.job_id)
    village.submit(stolen, village.bob)
    village.settle()

    assert village.job(request.job_id).submitter == "alice"
    assert village.bob.letters("job.state") == []


def test_a_submission_in_the_name_of_another_makes_no_job_and_no_letter_to_them(village):
    village.in_force()
    request = village.request(village.alice)
    village.submit(request, village.bob)
    village.settle()

    assert village.store.job(request.job_id) is None
    assert village.alice.letters("job.state") == []
    assert last_state(village, request.job_id, village.bob)["state"] == "rejected"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"request": {}, "mock": {}},
        {"request": [], "mock": {}},
        {"request": {"job_id": "x"}, "mock": {}},
        {"request": {"job_id": "0" * 32, "spec": None}, "mock": {}},
        {"request": {"job_id": "0" * 32, "parameters": []}, "mock": {}},
        {"request": {}, "mock": {}, "more": 1},
        {"request": {"a": "b" * (admit.MAX_REQUEST + 1)}, "mock": {}},
        {"request": {}, "mock": {"a": "b" * (admit.MAX_MOCK + 1)}},
    ],
    ids=["empty", "empty request", "list", "short", "no spec", "list", "more", "large", "mock"],
)
def test_what_is_no_submission_is_refused_and_the_next_one_is_taken(village, body):
    village.in_force()
    village.alice.say("job.submit", body)
    good = village.request()
    village.submit(good)
    village.settle()

    assert [record.job_id for record in village.store.jobs()] == [good.job_id]
    assert "submission-refused" in village.events()
    ((_, sender, why),) = village.store.quarantined()
    assert sender == "alice"
    assert why
    named = body.get("request", {})
    if isinstance(named, dict) and named.get("job_id") == "0" * 32:
        assert last_state(village, "0" * 32)["state"] == "rejected"


def test_a_declaration_that_no_receipt_could_show_is_refused(village):
    village.in_force()
    texts = tuple(f"{n:080}" for n in range(256))
    columns = {f"c{n}": "text" for n in range(8)}
    wide = Table(columns=columns, max_rows=1, labels=dict.fromkeys(columns, texts))
    village.submit(village.request(spec=spec(outputs={"counts": wide})))
    village.settle()

    assert village.store.jobs() == []
    ((_, _, why),) = village.store.quarantined()
    assert "declaration is too long" in why


def test_a_disk_without_room_refuses_new_jobs_and_keeps_the_rest(village):
    village.in_force()
    kept = village.submitted()
    village.free_bytes = admit.RESERVE
    request = village.submitted()

    assert village.state_of(request.job_id) == "rejected"
    assert "no room" in last_state(village, request.job_id)["reasons"][0]
    assert village.state_of(kept.job_id) == "screened"


def test_a_job_that_no_sandbox_here_can_hold_is_refused_at_the_door(village):
    village.in_force()
    village.oversize = lambda _: "4096 MiB is too much"
    refused = village.submitted()
    village.oversize = lambda _: ""
    fits = village.submitted()

    assert village.state_of(refused.job_id) == "rejected"
    assert "4096 MiB is too much" in last_state(village, refused.job_id)["reasons"]
    assert village.state_of(fits.job_id) == "screened"


def test_a_job_whose_outputs_could_not_be_inspected_here_does_not_run(village):
    """The inspection has a floor and room for the outputs twice: it may be the larger pod."""
    village.in_force()
    asked = spec().limits

    def full(limits):
        return "" if limits == asked else "too much"

    village.oversize = full
    refused = village.submitted()
    village.oversize = lambda _: ""
    fits = village.submitted()

    assert village.state_of(refused.job_id) == "rejected"
    assert "inspecting its outputs: too much" in last_state(village, refused.job_id)["reasons"]
    assert village.state_of(fits.job_id) == "screened"


def test_an_approved_job_does_not_start_in_a_house_that_became_too_small(village):
    village.in_force()
    request = village.submitted()
    village.oversize = lambda _: "too much"
    village.approve(request)
    village.settle()

    assert village.state_of(request.job_id) in {"rejected", "failed"}
    assert [task.program for task in village.sandbox.started] == []


def test_one_scientist_cannot_fill_the_house(village, monkeypatch):
    monkeypatch.setattr(admit, "MAX_OPEN_JOBS", 2)
    village.in_force()
    village.submitted(), village.submitted()
    third = village.submitted()

    assert village.state_of(third.job_id) == "rejected"
    request = village.request(village.bob)
    village.submit(request, village.bob)
    village.settle()
    assert village.state_of(request.job_id) == "screened"


def test_the_copy_of_the_code_is_read_only_and_exact(village):
    village.in_force()
    request = village.submitted()

    place = village.state / "code" / request.spec.code_digest.removeprefix("sha256:")
    assert (place / "job.py").read_bytes() == CODE
    assert (place / "job.py").stat().st_mode & 0o777 == 0o444
    assert place.stat().st_mode & 0o777 == 0o555


def test_a_damaged_copy_of_the_same_code_is_replaced(village):
    village.in_force()
    request = village.submitted()
    file = village.state / "code" / request.spec.code_digest.removeprefix("sha256:") / "job.py"
    file.chmod(0o600)
    file.write_bytes(b"other")
    village.submitted()

    assert file.read_bytes() == CODE


def test_a_bigger_limit_than_the_policy_allows_is_named(village):
    village.in_force()
    limits = spec().limits
    request = village.submitted(limits=type(limits)(memory_mib=limits.memory_mib + 1))

    assert "memory_mib" in last_state(village, request.job_id)["reasons"][0]


def test_a_hosted_identity_is_refused_unless_the_policy_takes_it(village):
    from darkroom.adapters.pysyft.keyring import SycKeyring
    from tests.node.village import MemoryPins, Person

    keyring = SycKeyring.generate("dora", "scientist", hosted=True)
    pins = MemoryPins()
    pins.pin(keys("north", "domain").identity)
    dora = Person(keyring, village.exchange, village.clock, pins)
    dora.relay.admit("north")
    village.store.pin(keyring.identity)
    village.relay.admit("dora")
    grants = village.policy().grants
    village.in_force(
        grants=(
            *grants,
            type(grants[0])(scientist="dora", datasets=("plaza",), tiers=("reviewed",)),
        )
    )
    request = village.request(dora)
    village.submit(request, dora)
    village.settle()

    assert "hosted" in last_state(village, request.job_id, dora)["reasons"][0]


@pytest.mark.parametrize("request_of", [{1: 2}, {"spec": {"name": {3, 4}}}], ids=["key", "set"])
def test_what_json_cannot_say_is_no_request(village, request_of):
    letter = village.alice.post.write("job.submit", "north", {"request": {}, "mock": {}})
    draft = admit.read_submission(replace(letter, body={"request": request_of, "mock": {}}))

    assert draft.request is None
    assert draft.against


@pytest.mark.parametrize("cap", ["MAX_FILE_BYTES", "MAX_TREE_BYTES"])
def test_more_code_than_the_caps_is_denied_before_it_is_kept(village, monkeypatch, cap):
    village.in_force()
    monkeypatch.setattr(admit, cap, len(CODE) - 1)
    request = village.submitted()

    assert "MiB" in last_state(village, request.job_id)["reasons"][0]
    assert not village.node.runner._shelf.path(request.spec.code_digest).exists()


def test_a_broken_submission_under_the_id_of_a_job_changes_and_tells_nothing(village):
    village.in_force()
    request = village.submitted()
    before = len(village.alice.letters("job.state", request.job_id))
    village.alice.say("job.submit", {"request": {"job_id": request.job_id}, "mock": {}})
    village.settle()

    assert village.state_of(request.job_id) == "screened"
    assert len(village.alice.letters("job.state", request.job_id)) == before
    assert "submission-refused" in village.events()


def test_somebody_who_is_not_enrolled_is_denied_even_if_the_post_let_them_through(village):
    village.in_force()
    request = village.request()
    take = village.node.service._intake._takers["job.submit"]
    letter = village.alice.post.write(
        "job.submit", "north", {"request": request.to_mapping(), "mock": {}}, {"code/job.py": CODE}
    )
    draft = admit.read_submission(letter)
    assert draft.against == ()
    judged = take.__self__._judge(draft, request, replace(letter, sender="eve"))

    assert (judged.decision, judged.reasons) == ("deny", ("the sender is not enrolled here",))


def test_what_no_letter_to_the_owner_could_carry_is_denied(village, monkeypatch):
    village.in_force()
    monkeypatch.setattr(admit, "BESIDE", 1 << 40)
    request = village.submitted()

    assert "letter to the owner" in last_state(village, request.job_id)["reasons"][0]
    assert village.owner.letters("review.request") == []
