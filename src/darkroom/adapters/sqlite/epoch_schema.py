"""The tables of epochs, of version 4 of a node's file: restores, and the owner's word on them."""

SCRIPT = """
CREATE TABLE epochs (
    number INTEGER PRIMARY KEY CHECK (number > 1), opened_at REAL NOT NULL CHECK (opened_at >= 0)
) STRICT;
CREATE TABLE overrides (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    epoch INTEGER NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('gateway-lost', 'nothing-ran-since-backup')),
    at REAL NOT NULL, statement TEXT NOT NULL,
    UNIQUE (epoch, statement)
) STRICT;
CREATE TRIGGER epochs_follow BEFORE INSERT ON epochs WHEN EXISTS (
    SELECT 1 FROM epochs WHERE number >= NEW.number OR opened_at > NEW.opened_at)
    BEGIN SELECT RAISE(ABORT, 'an epoch opens after those before it'); END;
CREATE TRIGGER epochs_do_not_change BEFORE UPDATE ON epochs
    BEGIN SELECT RAISE(ABORT, 'epochs are kept'); END;
CREATE TRIGGER epochs_are_kept BEFORE DELETE ON epochs
    BEGIN SELECT RAISE(ABORT, 'epochs are kept'); END;
CREATE TRIGGER overrides_do_not_change BEFORE UPDATE ON overrides
    BEGIN SELECT RAISE(ABORT, 'overrides are kept'); END;
CREATE TRIGGER overrides_are_kept BEFORE DELETE ON overrides
    BEGIN SELECT RAISE(ABORT, 'overrides are kept'); END;
"""
