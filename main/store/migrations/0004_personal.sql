-- What people keep: how far they have looked at sessions, texts that were not sent, settings of the page.

-- What changed last before this counts as looked at, unless a mark says otherwise. A new account begins with its making.
ALTER TABLE users ADD COLUMN looked_since TEXT NOT NULL DEFAULT '';
UPDATE users SET looked_since = strftime('%Y-%m-%dT%H:%M:%fZ', 'now');
CREATE TRIGGER new_account AFTER INSERT ON users WHEN NEW.looked_since = '' BEGIN
    UPDATE users SET looked_since = NEW.created WHERE id = NEW.id;
END;

CREATE TABLE marks (
    user    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    node    TEXT NOT NULL REFERENCES nodes (id) ON DELETE CASCADE,
    session TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    touched TEXT NOT NULL,
    PRIMARY KEY (user, node, session)
) STRICT, WITHOUT ROWID;
CREATE INDEX marks_of_session ON marks (node, session);

CREATE TABLE kept (
    user    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind    TEXT NOT NULL CHECK (kind IN ('draft', 'setting')),
    key     TEXT NOT NULL,           -- of a draft NODE/SESSION or new, of a setting its name
    value   TEXT NOT NULL,
    device  TEXT NOT NULL,           -- where a draft was written, as that page calls itself
    bytes   INTEGER NOT NULL,        -- of the value as JSON
    touched TEXT NOT NULL,
    PRIMARY KEY (user, kind, key)
) STRICT;
CREATE INDEX kept_by_key ON kept (kind, key);

-- Another machine may take the id of one that was removed.
CREATE TRIGGER drafts_on_removed_node AFTER DELETE ON nodes BEGIN
    DELETE FROM kept WHERE kind = 'draft' AND key >= OLD.id || '/' AND key < OLD.id || '0';
END;
