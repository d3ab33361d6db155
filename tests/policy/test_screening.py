from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.identity import PublicIdentity
from darkroom.model.job import Environment, JobRequest, JobSpec, Limits
from darkroom.model.output import Scalars
from darkroom.model.site_policy import Grant, SitePolicy
from darkroom.policy.screening import Knowledge, released_by_rule, screen


def sha(digit: str) -> str:
    return "sha256:" + digit * 64


ALICE = PublicIdentity(
    name="alice", role="scientist", bundle={}, statement_key="0" * 64, certificate=""
)
SPEC = JobSpec(
    name="count",
    tier="reviewed",
    entrypoint="job:count",
    files={"job.py": sha("1")},
    environment=Environment(name="tflite", lock_hash=sha("2")),
    outputs={"n": Scalars(names=("n",))},
)
REQUEST = JobRequest(
    job_id="0" * 32,
    spec=SPEC,
    submitter="alice",
    submitter_fingerprint=ALICE.fingerprint,
    audience="north",
    project="p",
    dataset="plaza",
    dataset_version=sha("3"),
)
POLICY = SitePolicy(
    version=4,
    domain="north",
    grants=(Grant(scientist="alice", datasets=("plaza",), tiers=("reviewed",)),),
)
KNOWN = Knowledge(domain="north", datasets={"plaza": sha("3")}, environments={"tflite": sha("2")})


def test_what_is_allowed_waits_for_a_person():
    verdict = screen(REQUEST, ALICE, POLICY, KNOWN)
    assert (verdict.decision, verdict.policy_version) == ("review", 4)


def test_a_rule_on_the_code_digest_lets_it_run():
    policy = replace(POLICY, approve=(SPEC.code_digest,))
    assert screen(REQUEST, ALICE, policy, KNOWN).decision == "approve"


def test_no_policy_denies():
    verdict = screen(REQUEST, ALICE, None, KNOWN)
    assert (verdict.decision, verdict.policy_version) == ("deny", 0)


def test_the_empty_policy_denies():
    empty = SitePolicy(version=1, domain="north")
    assert screen(REQUEST, ALICE, empty, KNOWN).decision == "deny"


DENIED = {
    "another submitter": (replace(REQUEST, submitter="bob"), ALICE, POLICY, KNOWN),
    "another key": (
        replace(REQUEST, submitter_fingerprint=sha("9")), ALICE, POLICY, KNOWN,
    ),
    "hosted": (
        replace(REQUEST, submitter_fingerprint=replace(ALICE, hosted=True).fingerprint),
        replace(ALICE, hosted=True), POLICY, KNOWN,
    ),
    "no grant": (REQUEST, ALICE, replace(POLICY, grants=()), KNOWN),
    "another dataset": (replace(REQUEST, dataset="garage"), ALICE, POLICY, KNOWN),
    "another tier": (
        REQUEST, ALICE,
        replace(POLICY, grants=(replace(POLICY.grants[0], tiers=("mock",)),)), KNOWN,
    ),
    "another domain": (replace(REQUEST, audience="east"), ALICE, POLICY, KNOWN),
    "old version": (replace(REQUEST, dataset_version=sha("8")), ALICE, POLICY, KNOWN),
    "dataset gone": (REQUEST, ALICE, POLICY, replace(KNOWN, datasets={})),
    "no environment": (REQUEST, ALICE, POLICY, replace(KNOWN, environments={})),
    "another lock": (
        REQUEST, ALICE, POLICY, replace(KNOWN, environments={"tflite": sha("7")}),
    ),
    "too much memory": (
        REQUEST, ALICE, replace(POLICY, limits=Limits(memory_mib=1)), KNOWN,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DENIED)
@pytest.mark.parametrize("rule", [False, True])
def test_one_reason_against_denies_and_a_rule_does_not_heal_it(case, rule):
    request, submitter, policy, known = DENIED[case]
    if rule:
        policy = replace(policy, approve=(request.spec.code_digest,))
    verdict = screen(request, submitter, policy, known)
    assert verdict.decision == "deny"
    assert all(verdict.reasons)


def test_all_reasons_against_are_told_at_once():
    request = replace(REQUEST, audience="east", dataset_version=sha("8"))
    assert len(screen(request, ALICE, POLICY, KNOWN).reasons) == 2


@given(
    rule=st.booleans(),
    version=st.booleans(),
    lock=st.booleans(),
    audience=st.booleans(),
    granted=st.booleans(),
    fits=st.booleans(),
)
def test_a_job_is_allowed_exactly_when_nothing_is_against_it(
    rule, version, lock, audience, granted, fits
):
    policy = replace(
        POLICY,
        grants=POLICY.grants if granted else (),
        approve=(SPEC.code_digest,) if rule else (),
        limits=Limits() if fits else Limits(wall_seconds=1),
    )
    known = Knowledge(
        domain="north" if audience else "east",
        datasets={"plaza": sha("3") if version else sha("4")},
        environments={"tflite": sha("2") if lock else sha("5")},
    )
    expected = "approve" if rule else "review"
    if not all((version, lock, audience, granted, fits)):
        expected = "deny"
    verdict = screen(REQUEST, ALICE, policy, known)
    assert verdict.decision == expected
    assert verdict.reasons


@pytest.mark.parametrize(
    ("by_rule", "release", "expected"),
    [(True, "auto", True), (True, "owner", False), (False, "auto", False)],
)
def test_only_what_a_rule_approved_leaves_without_a_person(by_rule, release, expected):
    assert released_by_rule(by_rule, replace(POLICY, release=release)) is expected


def test_without_a_policy_nothing_leaves_without_a_person():
    assert not released_by_rule(True, None)
