"""A new job is compared with the nearest one that this owner approved before."""

import time

import pytest

from darkroom.model.job import Limits
from darkroom.model.output import Scalars
from darkroom.owner.nearest import MAX_LINES
from tests.owner.town import ALICE, CODE, job
from tests.post.simulator import party


DAY = 86_400


def approve(town, files=None, **more):
    """Ask and approve; what was asked."""
    request = town.ask_review(files, **more)
    town.desk.reviews()
    town.desk.approve(f"job:{request.job_id}")
    town.gateway.clock.time += 1
    return request


def sheet(town, files=None, **more):
    request = town.ask_review(files, **more)
    town.desk.reviews()
    return town.desk.show(f"job:{request.job_id}").sheet


def section(shown, heading):
    return next(s for s in shown.sections if s.heading == heading)


def compared(shown):
    return section(shown, "Compared with what you approved before")


def test_the_first_job_has_nothing_to_be_compared_with(town):
    assert "read all" in compared(sheet(town)).note


def test_the_same_code_says_when_it_was_approved_and_what_else_is_different(town):
    approve(town, job_id="01" * 16)

    shown = sheet(town, job_id="02" * 16, parameters={"score": 0.9}, version="33")

    assert "The same code was approved on 20" in compared(shown).note
    assert (
        ("version", "sha256:" + "22" * 32, "sha256:" + "33" * 32),
        ("parameter score", "0.3", "0.9"),
    ) == compared(shown).rows
    assert not [s for s in shown.sections if s.language == "diff"]


def test_the_same_job_again_is_called_that(town):
    approve(town, job_id="01" * 16)
    assert "the same job again" in compared(sheet(town, job_id="02" * 16)).note


def test_another_person_with_the_same_code_is_a_difference(town):
    approve(town, job_id="01" * 16)
    bob = party(town.gateway, "bob", "scientist").identity
    from tests.owner.town import review_body

    request = job(job_id="02" * 16, submitter=bob)
    shown = sheet(town, job_id="02" * 16, submitter=bob, body=review_body(request, submitter=bob))

    assert ("scientist", "alice", "bob") == compared(shown).rows[0]
    assert ("their fingerprint", ALICE.identity.fingerprint, bob.fingerprint) in compared(
        shown
    ).rows


def test_changed_code_is_a_difference_of_its_lines(town):
    approve(town, job_id="01" * 16)
    later = CODE.replace(b'"n": 3', b'"n": secret')

    shown = sheet(
        town,
        {"job.py": later, "more.py": b"secret = 1\n"},
        job_id="02" * 16,
        limits=Limits(memory_mib=2048),
        outputs={"totals": Scalars(names=("n", "m"))},
    )

    rows = {r[0]: r[1:] for r in compared(shown).rows}
    assert ("1024", "2048") == rows["limit memory_mib"]
    assert "(none)" == rows["output people"][1]
    assert '"n", "m"' in rows["output totals"][1]
    files = section(shown, "Files that changed").rows
    assert (("job.py", "changed"), ("more.py", "new")) == files
    lines = section(shown, "Changed: job.py").lines
    assert '-    return {"people": {"n": 3}}' in lines
    assert '+    return {"people": {"n": secret}}' in lines


def test_the_nearest_is_the_one_with_the_most_in_common(town):
    approve(town, {"job.py": b"\n".join(b"a = %d" % i for i in range(40))}, job_id="01" * 16)
    approve(town, {"job.py": CODE + b"# a comment\n"}, job_id="02" * 16)
    approve(town, {"job.py": b"import numpy\n" * 30}, job_id="03" * 16)

    assert "02" * 16 in compared(sheet(town, job_id="04" * 16)).note


def test_shared_files_count_more_than_names(town):
    model = bytes(range(256)) * 8
    approve(town, {"job.py": b"x = 1\n", "files/m.tflite": model}, job_id="01" * 16, name="other")
    approve(town, {"job.py": b"y = 2\n"}, job_id="02" * 16)

    shown = sheet(town, {"job.py": b"z = 3\n", "files/m.tflite": model}, job_id="03" * 16)

    assert "01" * 16 in compared(shown).note


@pytest.mark.parametrize("verdict", ["reject", "withdraw", "waits"])
def test_only_what_is_approved_counts(town, verdict):
    if verdict == "waits":
        town.ask_review(job_id="01" * 16)
    elif verdict == "reject":
        town.ask_review(job_id="01" * 16)
        town.desk.reviews()
        town.desk.reject("job:" + "01" * 16)
    else:
        approve(town, job_id="01" * 16)
        town.desk.withdraw("job:" + "01" * 16)

    assert "read all" in compared(sheet(town, job_id="02" * 16)).note


def test_another_program_is_not_compared(town):
    approve(town, {"job.py": b"import numpy\n" * 30}, job_id="01" * 16, name="other")
    assert "read all" in compared(sheet(town, job_id="02" * 16)).note


def test_an_approved_job_is_not_compared_with_itself(town):
    request = approve(town)
    assert "read all" in compared(town.desk.show(request.job_digest).sheet).note


def test_code_that_is_not_kept_any_more_is_compared_by_its_hashes(town):
    model = bytes(range(256))
    approve(town, {"job.py": CODE, "files/m.tflite": model}, job_id="01" * 16)
    town.gateway.clock.time += 200 * DAY
    shown = sheet(town, {"job.py": CODE + b"#\n", "files/m.tflite": model}, job_id="02" * 16)

    assert "not kept any more" in compared(shown).note
    assert (("job.py", "changed"),) == section(shown, "Files that changed").rows


@pytest.mark.attack
def test_hostile_sizes_cost_little(town):
    lines = b"".join(b"x%d\n" % (i % 97) for i in range(4 * MAX_LINES))
    for number in range(8):
        approve(town, {"job.py": lines + b"y = %d\n" % number}, job_id=f"{number:032x}")

    begin = time.process_time()
    shown = sheet(town, {"job.py": lines + b"z\n"}, job_id="ff" * 16)

    assert 5 > time.process_time() - begin
    assert "The nearest was approved" in compared(shown).note


# ----------------------------------------------------------------------------- what went before


def released(town, job_id, **more):
    request = approve(town, job_id=job_id, **more)
    town.ask_release(request)
    town.desk.releases()
    town.desk.release(f"job:{job_id}")
    return request


def test_earlier_releases_are_counted_and_many_in_a_week_are_called_out(town):
    for number in range(5):
        released(town, f"{number:032x}", parameters={"score": 0.1 * number})
    shown = sheet(town, job_id="ff" * 16)

    rows = dict(section(shown, "What went before").rows)
    assert "5 earlier releases from plaza to alice" == rows["left this week"]
    assert "1 request of alice" == rows["waiting now"]
    assert "asked for 5 times before on plaza; 5 releases of it" == rows["the same code"]
    assert any("can be subtracted" in alert for alert in shown.alerts)
    assert any("approved 5 times before" in alert for alert in shown.alerts)

    town.gateway.clock.time += 8 * DAY
    rows = dict(section(sheet(town, job_id="fe" * 16), "What went before").rows)
    assert "0 earlier releases from plaza to alice" == rows["left this week"]
    assert "5 earlier releases" == rows["left ever"]


def test_a_release_sheet_says_what_left_before(town):
    released(town, "01" * 16)
    request = approve(town, job_id="02" * 16, parameters={"score": 0.5})
    town.ask_release(request)
    town.desk.releases()
    shown = town.desk.show("job:" + "02" * 16, "output").sheet

    rows = dict(section(shown, "What went before").rows)
    assert "1 earlier release" == rows["left ever"]
    assert any("“count-people”, log, people, totals" in row for row in rows.values())


def test_the_price_is_said_in_words(town):
    rows = dict(section(sheet(town), "What it costs").rows)

    assert "1 release, 501 rows" == rows["price"]
    assert "1,000,000 bits, as much as 122.1 KiB" == rows["at most carried"]
