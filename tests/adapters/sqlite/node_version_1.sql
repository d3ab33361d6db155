-- What version 1 made of an empty file, and a little use of it. Never edit this.
PRAGMA journal_mode = WAL;
BEGIN IMMEDIATE;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE pins (name TEXT PRIMARY KEY, identity TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE seen (
    sender TEXT NOT NULL, letter_id TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (sender, letter_id)
) WITHOUT ROWID;
CREATE INDEX seen_at ON seen (at);
CREATE TABLE quarantine (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL, sender TEXT NOT NULL, reason TEXT NOT NULL
);
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id TEXT NOT NULL UNIQUE, submitter TEXT NOT NULL, state TEXT NOT NULL,
    code_digest TEXT NOT NULL, record TEXT NOT NULL
);
CREATE INDEX jobs_state ON jobs (state);
CREATE TABLE moves (source TEXT NOT NULL, target TEXT NOT NULL,
    PRIMARY KEY (source, target)) WITHOUT ROWID;
CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL, event TEXT NOT NULL, job_id TEXT NOT NULL, detail TEXT NOT NULL
);
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    letter_id TEXT NOT NULL UNIQUE, recipient TEXT NOT NULL, kind TEXT NOT NULL,
    letter TEXT NOT NULL, files TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0,
    problem TEXT NOT NULL DEFAULT ''
);
CREATE TABLE policies (
    version INTEGER PRIMARY KEY, statement TEXT NOT NULL, at REAL NOT NULL
);
CREATE TABLE invitations (
    id TEXT PRIMARY KEY, statement TEXT NOT NULL, expires_at REAL NOT NULL,
    ticket_open INTEGER NOT NULL DEFAULT 0, used_by TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE TABLE datasets (
    name TEXT NOT NULL, version TEXT NOT NULL, card TEXT NOT NULL,
    number INTEGER PRIMARY KEY AUTOINCREMENT, UNIQUE (name, version)
);
CREATE TRIGGER events_are_kept BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_do_not_change BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER jobs_begin BEFORE INSERT ON jobs WHEN NEW.state <> 'received'
    BEGIN SELECT RAISE(ABORT, 'a job begins as received'); END;
CREATE TRIGGER jobs_move BEFORE UPDATE OF state ON jobs
    WHEN NEW.state <> OLD.state AND NOT EXISTS (
        SELECT 1 FROM moves WHERE source = OLD.state AND target = NEW.state)
    BEGIN SELECT RAISE(ABORT, 'no such transition'); END;
CREATE TRIGGER jobs_stay BEFORE UPDATE OF job_id, submitter ON jobs
    BEGIN SELECT RAISE(ABORT, 'a job keeps its id and submitter'); END;
CREATE TRIGGER jobs_are_kept BEFORE DELETE ON jobs
    BEGIN SELECT RAISE(ABORT, 'jobs are kept'); END;
INSERT INTO moves VALUES ('received', 'screened'), ('received', 'rejected'), ('screened', 'approved'), ('screened', 'rejected'), ('screened', 'cancelled'), ('approved', 'running'), ('approved', 'failed'), ('approved', 'cancelled'), ('running', 'approved'), ('running', 'produced'), ('running', 'failed'), ('running', 'cancelled'), ('produced', 'released'), ('produced', 'withheld');PRAGMA user_version = 1;COMMIT;
INSERT INTO "events" VALUES(1,1.0,'job-received','00000000000000000000000000000000','{}');
INSERT INTO "events" VALUES(2,2.0,'job-started','00000000000000000000000000000000','{}');
INSERT INTO "events" VALUES(3,1.0,'job-received','00000000000000000000000000000001','{}');
INSERT INTO "facts" VALUES('owner','"olga"');
INSERT INTO "jobs" VALUES(1,'00000000000000000000000000000000','alice','received','sha256:d8119218bc87c88db5c1e6c35a8b3a10265e73b6bfea1dbf010bcde62abdc225','{"request": {"job_id": "00000000000000000000000000000000", "spec": {"name": "count", "tier": "reviewed", "entrypoint": "job:count", "merge": "", "split": "", "files": {"job.py": "sha256:0000000000000000000000000000000000000000000000000000000000000000"}, "environment": {"name": "tflite", "lock_hash": "sha256:0000000000000000000000000000000000000000000000000000000000000000"}, "outputs": {"n": {"type": "scalars", "names": ["n"]}}, "limits": {"memory_mib": 1024, "cpu_seconds": 600, "wall_seconds": 600, "processes": 64, "files": 256, "output_mib": 16}, "parameter_schema": {"p": "float"}}, "parameters": {"p": 0.1}, "submitter": "alice", "submitter_fingerprint": "sha256:0000000000000000000000000000000000000000000000000000000000000000", "audience": "north", "project": "p", "dataset": "d", "dataset_version": "sha256:0000000000000000000000000000000000000000000000000000000000000000"}, "code_digest": "sha256:d8119218bc87c88db5c1e6c35a8b3a10265e73b6bfea1dbf010bcde62abdc225", "job_digest": "sha256:f3529ffe840c853c834a681b9dc65e499ab5240c2fc3062e320d73fb0ed92ed6", "state": "running", "received_at": 1.5, "mock": {}, "by_rule": false, "policy_version": 0, "approved_by": "", "released_by": "", "attempts": 1, "cancel_requested": false, "shards": [0, 0], "seq": 0, "reasons": [], "outputs": {}, "facts": {}}');
UPDATE jobs SET state = 'screened' WHERE number = 1;
UPDATE jobs SET state = 'approved' WHERE number = 1;
UPDATE jobs SET state = 'running' WHERE number = 1;
INSERT INTO "jobs" VALUES(2,'00000000000000000000000000000001','alice','received','sha256:d8119218bc87c88db5c1e6c35a8b3a10265e73b6bfea1dbf010bcde62abdc225','{"request": {"job_id": "00000000000000000000000000000001", "spec": {"name": "count", "tier": "reviewed", "entrypoint": "job:count", "merge": "", "split": "", "files": {"job.py": "sha256:0000000000000000000000000000000000000000000000000000000000000000"}, "environment": {"name": "tflite", "lock_hash": "sha256:0000000000000000000000000000000000000000000000000000000000000000"}, "outputs": {"n": {"type": "scalars", "names": ["n"]}}, "limits": {"memory_mib": 1024, "cpu_seconds": 600, "wall_seconds": 600, "processes": 64, "files": 256, "output_mib": 16}, "parameter_schema": {"p": "float"}}, "parameters": {"p": 0.1}, "submitter": "alice", "submitter_fingerprint": "sha256:0000000000000000000000000000000000000000000000000000000000000000", "audience": "north", "project": "p", "dataset": "d", "dataset_version": "sha256:0000000000000000000000000000000000000000000000000000000000000000"}, "code_digest": "sha256:d8119218bc87c88db5c1e6c35a8b3a10265e73b6bfea1dbf010bcde62abdc225", "job_digest": "sha256:f3529ffe840c853c834a681b9dc65e499ab5240c2fc3062e320d73fb0ed92ed6", "state": "approved", "received_at": 1.5, "mock": {}, "by_rule": false, "policy_version": 0, "approved_by": "", "released_by": "", "attempts": 0, "cancel_requested": false, "shards": [0, 0], "seq": 0, "reasons": [], "outputs": {}, "facts": {}}');
UPDATE jobs SET state = 'screened' WHERE number = 2;
UPDATE jobs SET state = 'approved' WHERE number = 2;
INSERT INTO "outbox" VALUES(1,'00000000000000000000000000000000','olga','owner.notice','{"id": "00000000000000000000000000000000", "kind": "owner.notice", "sender": "north", "recipient": "olga", "sent_at": 1.0, "body": {"text": "\u00e9"}}','{"a": "b/c"}',0,0.0,'');
INSERT INTO "seen" VALUES('alice','1',0.0);
