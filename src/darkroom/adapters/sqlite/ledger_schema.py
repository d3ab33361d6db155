"""The tables of the ledger. Entries only grow, whatever the code above does.

Triggers hold the rules of `policy.ledger`: what may follow what, one amount for each
reservation, no refund of a job that was started, and a time that never goes back.
"""

from darkroom.policy.ledger import FOLLOWS


TABLES = """
CREATE TABLE ledger (
    number INTEGER PRIMARY KEY,
    reservation TEXT NOT NULL, kind TEXT NOT NULL, at REAL NOT NULL,
    dataset TEXT NOT NULL, scientist TEXT NOT NULL, project TEXT NOT NULL,
    amount TEXT NOT NULL, policy_version INTEGER NOT NULL, chain BLOB NOT NULL,
    UNIQUE (reservation, kind),
    CHECK (substr(reservation, 1, 32) NOT GLOB '*[^0-9a-f]*' AND (length(reservation) = 32
        OR length(reservation) = 36 AND substr(reservation, 33) = ':log')),
    CHECK (at BETWEEN 0 AND 253402300799),
    CHECK (length(chain) = 32)
) STRICT;
CREATE INDEX ledger_dataset ON ledger (dataset, at);
CREATE INDEX ledger_scientist ON ledger (scientist, at);
CREATE INDEX ledger_project ON ledger (project, at);
CREATE TABLE ledger_head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL, time REAL NOT NULL, chain BLOB NOT NULL
) STRICT;
INSERT INTO ledger_head VALUES (1, 0, 0, zeroblob(32));
CREATE TABLE ledger_steps (last TEXT NOT NULL, next TEXT NOT NULL,
    PRIMARY KEY (last, next)) WITHOUT ROWID;
CREATE TABLE balances (
    per TEXT NOT NULL, holder TEXT NOT NULL, ends INTEGER NOT NULL, begins INTEGER NOT NULL,
    datasets TEXT NOT NULL, amount TEXT NOT NULL,
    PRIMARY KEY (per, holder, ends, begins, datasets)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_started ON events (job_id) WHERE event = 'job-started';
CREATE TRIGGER ledger_does_not_change BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_is_kept BEFORE DELETE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_follows BEFORE INSERT ON ledger BEGIN SELECT CASE
    WHEN NOT EXISTS (SELECT 1 FROM ledger_steps WHERE next = NEW.kind AND last = COALESCE((
        SELECT kind FROM ledger WHERE reservation = NEW.reservation
        ORDER BY number DESC LIMIT 1), ''))
    THEN RAISE(ABORT, 'no such step')
    WHEN NEW.kind <> 'reserve' AND NOT EXISTS (
        SELECT 1 FROM ledger WHERE reservation = NEW.reservation AND kind = 'reserve'
        AND at = NEW.at AND dataset = NEW.dataset AND scientist = NEW.scientist
        AND project = NEW.project AND amount = NEW.amount)
    THEN RAISE(ABORT, 'it is not what was reserved')
    WHEN NEW.kind = 'refund' AND (
        EXISTS (SELECT 1 FROM events
            WHERE event = 'job-started' AND job_id = substr(NEW.reservation, 1, 32))
        OR EXISTS (SELECT 1 FROM jobs WHERE job_id = substr(NEW.reservation, 1, 32)
            AND json_extract(record, '$.touched')))
    THEN RAISE(ABORT, 'the job was started')
    WHEN NEW.kind = 'reserve' AND NEW.at < (SELECT time FROM ledger_head)
    THEN RAISE(ABORT, 'the time of the ledger does not go back')
    WHEN NEW.number <> (SELECT number + 1 FROM ledger_head)
    THEN RAISE(ABORT, 'the number is not the next')
    END;
END;
CREATE TRIGGER ledger_grew AFTER INSERT ON ledger BEGIN
    UPDATE ledger_head SET number = NEW.number, time = MAX(time, NEW.at), chain = NEW.chain;
END;
CREATE TRIGGER ledger_head_is_the_last BEFORE UPDATE ON ledger_head WHEN NOT EXISTS (
    SELECT 1 FROM ledger WHERE number = NEW.number AND chain = NEW.chain
    AND number = (SELECT MAX(number) FROM ledger))
    BEGIN SELECT RAISE(ABORT, 'the head is the last entry'); END;
CREATE TRIGGER ledger_head_is_kept BEFORE DELETE ON ledger_head
    BEGIN SELECT RAISE(ABORT, 'the head is kept'); END;
"""
_STEPS = ", ".join(f"('{last}', '{step}')" for last, steps in FOLLOWS.items() for step in steps)
SCRIPT = f"{TABLES}INSERT INTO ledger_steps VALUES {_STEPS};"  # noqa: S608 - names of our own table
