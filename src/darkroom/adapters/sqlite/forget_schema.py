"""The tables of what was forgotten: part of version 4 of a node's file."""

SCRIPT = """
CREATE TABLE forgets (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, said TEXT NOT NULL
) STRICT;
CREATE TABLE forgotten (
    version TEXT PRIMARY KEY, dataset TEXT NOT NULL, forget TEXT NOT NULL REFERENCES forgets (id),
    replaced_by TEXT NOT NULL DEFAULT '', cut INTEGER NOT NULL DEFAULT 0,
    erased INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE stale (
    job_id TEXT PRIMARY KEY, statement TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER forgets_do_not_change BEFORE UPDATE ON forgets
    BEGIN SELECT RAISE(ABORT, 'an order to forget stands'); END;
CREATE TRIGGER forgets_are_kept BEFORE DELETE ON forgets
    BEGIN SELECT RAISE(ABORT, 'an order to forget stands'); END;
CREATE TRIGGER forgotten_is_kept BEFORE DELETE ON forgotten
    BEGIN SELECT RAISE(ABORT, 'what was forgotten stays so'); END;
CREATE TRIGGER stale_does_not_change BEFORE UPDATE ON stale
    BEGIN SELECT RAISE(ABORT, 'stale stays stale'); END;
CREATE TRIGGER stale_is_kept BEFORE DELETE ON stale
    BEGIN SELECT RAISE(ABORT, 'stale stays stale'); END;
"""
