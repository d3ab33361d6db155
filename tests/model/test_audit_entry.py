"""An entry is what its leaf says, and stays it when what it said is erased."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.errors import SpecError, TrustError
from darkroom.model.audit_entry import (
    AuditEntry,
    AuditProof,
    detail_digest,
    detail_text,
    entry_leaf,
)
from darkroom.model.merkle import leaf_hash
from darkroom.model.statement import Statement
from darkroom.model.tree_head import LedgerMark, TreeHead
from tests.model.shapes import JSON


SALT = bytes(range(16))


def entry(**more) -> AuditEntry:
    detail = detail_text({"by": "olga", "reason": "ä\n"})
    fields = {
        "number": 1, "at": 1.5, "event": "job-approved", "job_id": "0" * 32, "detail": detail,
        "salt": SALT.hex(), "digest": detail_digest(SALT, detail).hex(),
    }  # fmt: skip
    return AuditEntry(**{**fields, **more})


def proof(of: AuditEntry | None = None) -> AuditProof:
    made = of or entry()
    head = TreeHead(
        domain="north", epoch=1, size=1, root=made.leaf.hex(), at=2.0,
        ledger=LedgerMark(number=0, chain="0" * 64),
    )  # fmt: skip
    said = Statement(kind="audit-head", body=head.to_body(), key="0" * 64, signature="0" * 128)
    return AuditProof(head=said, entry=made.bare(), path=())


@given(st.integers(1, 1 << 53), st.floats(0, 1e11), st.text(max_size=40), st.text(max_size=40))
def test_the_leaf_is_the_hash_of_a_line_of_json(number, at, event, job):
    """Documented in docs/audit.md: anybody can compute it with a JSON library."""
    line = json.dumps([number, at, event, job, "ab" * 32], separators=(",", ":"))
    assert entry_leaf(number, at, event, job, "ab" * 32) == leaf_hash(line.encode())


def test_an_entry_reads_back_with_and_without_what_it_says():
    for made in (entry(), entry().bare()):
        assert AuditEntry.from_mapping(json.loads(json.dumps(made.to_mapping()))) == made


def test_erasing_leaves_the_leaf():
    assert entry().bare().leaf == entry().leaf
    assert entry().is_whole
    assert entry().bare().is_whole
    assert not entry()._replace(detail="{}").is_whole
    assert not entry()._replace(salt=bytes(16).hex()).is_whole


@pytest.mark.parametrize(
    "changed",
    [{"number": 2}, {"at": 1.0}, {"event": "x"}, {"job_id": ""}, {"digest": "0" * 64}],
    ids=lambda c: next(iter(c)),
)
def test_whatever_else_changes_is_another_leaf(changed):
    assert entry(**changed).leaf != entry().leaf


@given(JSON)
def test_what_is_no_entry_is_refused(value):
    with pytest.raises(SpecError):
        AuditEntry.from_mapping(value)
    with pytest.raises((SpecError, TrustError)):
        AuditProof.from_mapping(value)


@pytest.mark.parametrize(
    "bad",
    [
        {"number": 0}, {"number": True}, {"number": 1.0}, {"at": 1}, {"at": float("nan")},
        {"at": -1.0}, {"event": "é"}, {"event": "x" * 65}, {"job_id": None}, {"digest": "AB" * 32},
        {"digest": "ab"}, {"detail": None}, {"detail": "é"}, {"salt": None}, {"salt": "00"},
        {"more": 1},
    ],
    ids=repr,
)  # fmt: skip
def test_a_field_out_of_bounds_is_refused(bad):
    with pytest.raises(SpecError):
        AuditEntry.from_mapping({**entry().to_mapping(), **bad})


def test_a_proof_reads_back_and_holds_for_its_entry_alone():
    made = proof()
    assert AuditProof.from_mapping(json.loads(json.dumps(made.to_mapping()))) == made
    assert made.holds
    assert not replace(made, entry=entry(event="x").bare()).holds
    assert not replace(made, path=("0" * 64,)).holds
    with pytest.raises(SpecError):
        AuditProof.from_mapping({**made.to_mapping(), "path": ["0" * 64] * 65})
