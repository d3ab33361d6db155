"""The tables of review, of version 4 of a node's file: whose key is whose, and what was said.

Keys are written down by triggers, so that no way of pinning leaves one out; a name's keys of
all times are then one look into an index.
"""

from darkroom.adapters.sqlite import messages


_KEYS = """
CREATE TABLE statement_keys (
    name TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (name, key)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO statement_keys
    SELECT name, json_extract(identity, '$.statement_key') FROM former_pins;
INSERT OR IGNORE INTO statement_keys
    SELECT name, json_extract(identity, '$.statement_key') FROM pins;
CREATE TRIGGER pins_keep_the_key AFTER INSERT ON pins BEGIN
    INSERT OR IGNORE INTO statement_keys
        VALUES (NEW.name, json_extract(NEW.identity, '$.statement_key'));
END;
CREATE TRIGGER pins_keep_the_next_key AFTER UPDATE ON pins BEGIN
    INSERT OR IGNORE INTO statement_keys
        VALUES (NEW.name, json_extract(NEW.identity, '$.statement_key'));
END;
CREATE TRIGGER former_pins_keep_the_key AFTER INSERT ON former_pins BEGIN
    INSERT OR IGNORE INTO statement_keys
        VALUES (NEW.name, json_extract(NEW.identity, '$.statement_key'));
END;
CREATE TRIGGER statement_keys_are_kept BEFORE DELETE ON statement_keys
    BEGIN SELECT RAISE(ABORT, 'whose a key was is kept'); END;
CREATE TRIGGER statement_keys_do_not_change BEFORE UPDATE ON statement_keys
    BEGIN SELECT RAISE(ABORT, 'whose a key was is kept'); END;
"""
_GUARDS = """
CREATE INDEX messages_by ON messages (by_name, at);
CREATE TRIGGER messages_are_kept BEFORE DELETE ON messages
    BEGIN SELECT RAISE(ABORT, 'messages are append-only'); END;
CREATE TRIGGER messages_do_not_change BEFORE UPDATE ON messages
    BEGIN SELECT RAISE(ABORT, 'messages are append-only'); END;
"""
SCRIPT = _KEYS + messages.TABLE + _GUARDS
