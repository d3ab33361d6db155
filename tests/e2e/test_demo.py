"""`make demo`: from private footage to results that the owners released."""

import re

import pytest

from tests.e2e.conftest import DOMAINS, DemoRun
from tests.gateway.secrecy import assert_gateway_holds_no


pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def test_every_domain_answered_with_its_own_dataset(demo_run: DemoRun):
    domains = demo_run.report["domains"]
    assert set(DOMAINS) == set(domains)
    assert {"plaza", "yard", "quay"} == {d["dataset"] for d in domains.values()}
    for domain in domains.values():
        assert DIGEST.fullmatch(domain["version"])
        assert domain["frames"] >= 500
        assert 0 < domain["bytes_out"] < 1_000_000
        assert 0 < domain["node_rss_mib"] <= 100


def test_the_shipped_detector_sees_by_day(demo_run: DemoRun):
    for name in ("north", "east"):
        domain = demo_run.report["domains"][name]
        assert domain["ap50"] >= 0.70
        assert domain["ap50_person"] >= 0.40


def test_training_in_the_dark_gains(demo_run: DemoRun):
    training = demo_run.report["training"]
    assert "south" == training["domain"]
    assert training["ap50_after"] - training["ap50_before"] >= 0.08
    loss = training["loss"]
    assert sum(loss[-10:]) < sum(loss[:10])


def test_south_runs_the_other_interpreter(demo_run: DemoRun):
    found = {name: d["interpreter"] for name, d in demo_run.report["domains"].items()}
    assert {"north": "litert", "east": "litert", "south": "tflite-runtime"} == found


def test_every_job_names_its_digests_and_who_let_it_run(demo_run: DemoRun):
    for name, domain in demo_run.report["domains"].items():
        for job in domain["jobs"]:
            assert DIGEST.fullmatch(job["code_digest"])
            assert DIGEST.fullmatch(job["job_digest"])
            assert "reviewed" == job["tier"]
            if job["state"] == "released":
                assert f"{name}-owner" == job["approved_by"]
                assert job["seconds"] > 0
            else:
                assert "rejected" == job["state"]
                assert job["approved_by"] is None


def test_the_policy_refused_the_greedy_job(demo_run: DemoRun):
    jobs = demo_run.report["domains"]["north"]["jobs"]
    refused = [job for job in jobs if job["state"] == "rejected"]
    assert ["greedy"] == [job["name"] for job in refused]


def test_owners_printed_what_they_decided(demo_run: DemoRun):
    for name in DOMAINS:
        log = (demo_run.root / "state" / "logs" / f"owner-{name}.log").read_text()
        assert "APPROVED sha256:" in log
        assert "RELEASED sha256:" in log


def test_the_run_log_has_a_run_for_each_submission(demo_run: DemoRun):
    assert len(demo_run.report["mlflow"]["runs"]) >= 4
    assert all(run.startswith("http://127.0.0.1") for run in demo_run.report["mlflow"]["runs"])


def test_blobs_footage_and_artifacts_lie_in_the_object_store(demo_run: DemoRun):
    objects = demo_run.report["s3"]["objects"]
    assert all(objects[bucket] > 0 for bucket in ("gateway", "mlflow", "north-footage"))


def test_pysyfts_own_client_detected_everywhere_and_trained_in_the_dark(demo_run: DemoRun):
    pysyft = demo_run.report["pysyft"]
    assert "0.10.0" == pysyft["version"]
    done = {(job["kind"], job["domain"]) for job in pysyft["jobs"] if job["status"] == "done"}
    assert {*(("detection", name) for name in DOMAINS), ("training", "south")} == done
    (training,) = [job for job in pysyft["jobs"] if job["kind"] == "training"]
    assert training["ap50_after"] - training["ap50_before"] >= 0.08


def test_it_stays_within_four_minutes(demo_run: DemoRun):
    assert demo_run.report["seconds"] < 240


def test_the_gateway_stored_no_plaintext(demo_run: DemoRun, tmp_path):
    """All that the gateway keeps, in its folder and bucket, holds none of what was said."""
    state = demo_run.root / "state"
    secrets = {
        "code": b'"""Count people and vehicles per camera and hour; keep held-out boxes',
        "parameters": b'"parameters":{"threshold":',
        "output": b'"columns":{"camera":"text","frames":"int"',
    }
    assert_gateway_holds_no(state / "gateway", secrets)
    bucket = state / "object-store" / "gateway"
    for path in bucket.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(secret in data for secret in secrets.values())


def test_footage_in_the_object_store_is_sealed(demo_run: DemoRun):
    bucket = demo_run.root / "state" / "object-store" / "north-footage"
    files = [p for p in bucket.rglob("*") if p.is_file()]
    assert files
    for path in files:
        data = path.read_bytes()
        # As long as it is, a JPEG's beginning does not come about in megabytes of ciphertext.
        assert b"\xff\xd8\xff\xe0\x00\x10JFIF" not in data
        assert b"PK\x03\x04" not in data[:4]
        assert b"fountain" not in data


def test_nothing_of_it_runs_any_more(demo_run: DemoRun):
    assert "[]" == (demo_run.root / "state" / "processes.json").read_text()
