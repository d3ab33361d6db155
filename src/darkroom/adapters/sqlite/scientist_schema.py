"""The tables of a scientist's store, one step for each version."""

from darkroom.adapters.sqlite import (
    messages,
    scientist_epochs,
    scientist_models,
    scientist_stale,
)


STEPS = (
    """
CREATE TABLE submission (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, project TEXT NOT NULL, created_at REAL NOT NULL);
CREATE TABLE job (
    job_id TEXT PRIMARY KEY, submission TEXT NOT NULL REFERENCES submission(id),
    position INTEGER NOT NULL, label TEXT NOT NULL, request TEXT NOT NULL,
    state TEXT NOT NULL, reasons TEXT NOT NULL, seq INTEGER NOT NULL,
    done INTEGER NOT NULL, total INTEGER NOT NULL,
    submitted_at REAL NOT NULL, changed_at REAL NOT NULL, problem TEXT NOT NULL);
CREATE INDEX job_submission ON job(submission, position);
CREATE TABLE outbox (
    position INTEGER PRIMARY KEY, letter_id TEXT UNIQUE NOT NULL, job_id TEXT NOT NULL,
    letter TEXT NOT NULL, sent_at REAL, problem TEXT NOT NULL DEFAULT '');
CREATE TABLE attachment (
    letter_id TEXT NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (letter_id, name));
CREATE TABLE result (job_id TEXT PRIMARY KEY, release TEXT NOT NULL, received_at REAL NOT NULL);
CREATE TABLE output (
    job_id TEXT NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (job_id, name));
CREATE TABLE quarantine (
    position INTEGER PRIMARY KEY, at REAL NOT NULL, sender TEXT NOT NULL,
    job_id TEXT NOT NULL, problem TEXT NOT NULL);
CREATE TABLE spool (
    key TEXT PRIMARY KEY, record BLOB, address TEXT NOT NULL DEFAULT '', at REAL NOT NULL);
""",
    """
CREATE TABLE quote (
    job_id TEXT PRIMARY KEY, domain TEXT NOT NULL, asked_at REAL NOT NULL, quote TEXT);
""",
    """
ALTER TABLE result ADD COLUMN receipt BLOB NOT NULL DEFAULT x'';
""",
    messages.TABLE,
    scientist_stale.TABLE,
    scientist_epochs.TABLE,
    scientist_models.TABLE,
)
VERSION = len(STEPS)
