"""The table of a node's own receipts: part of version 4 of its file. Only new ones are added."""

SCRIPT = """
CREATE TABLE receipts (
    number INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL UNIQUE, envelope TEXT NOT NULL
) STRICT;
CREATE TRIGGER receipts_do_not_change BEFORE UPDATE ON receipts
    BEGIN SELECT RAISE(ABORT, 'receipts are kept'); END;
CREATE TRIGGER receipts_are_kept BEFORE DELETE ON receipts
    BEGIN SELECT RAISE(ABORT, 'receipts are kept'); END;
"""
