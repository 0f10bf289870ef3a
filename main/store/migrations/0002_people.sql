-- What users may do on which nodes, API tokens, and an audit trail that cannot be flooded.

CREATE TABLE grants (
    user TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    node TEXT NOT NULL,              -- the id of a node, or * for every one
    role TEXT NOT NULL CHECK (role IN ('member', 'viewer')),
    PRIMARY KEY (user, node)
) STRICT, WITHOUT ROWID;

-- An account with its grants as a JSON object, roles by node: one read.
CREATE VIEW accounts AS
    SELECT id, name, name_key, password, role, created,
        (SELECT json_group_object(node, grants.role) FROM grants WHERE grants.user = users.id) AS grants
    FROM users;

CREATE TABLE api_tokens (
    id          TEXT PRIMARY KEY,
    user        TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    secret_hash BLOB NOT NULL,       -- SHA-256 of the whole token
    scopes      TEXT NOT NULL,       -- JSON: a list
    has_nodes   INTEGER NOT NULL,    -- 1: only the nodes of api_token_nodes, though there be none left
    created     TEXT NOT NULL,
    expires_s   INTEGER,             -- Unix time; NULL: until it is revoked
    used_s      INTEGER              -- Unix time of the last use, noted at most once a minute
) STRICT;
CREATE INDEX api_tokens_of_user ON api_tokens (user);

CREATE TABLE api_token_nodes (
    token TEXT NOT NULL REFERENCES api_tokens (id) ON DELETE CASCADE,
    node  TEXT NOT NULL,
    PRIMARY KEY (token, node)
) STRICT, WITHOUT ROWID;

-- Another machine may take the id of one that was removed: nobody may have been given rights on it.
CREATE TRIGGER rights_on_removed_node AFTER DELETE ON nodes BEGIN
    DELETE FROM grants WHERE node = OLD.id;
    DELETE FROM api_token_nodes WHERE node = OLD.id;
END;

ALTER TABLE audit ADD COLUMN kind TEXT NOT NULL DEFAULT 'user';     -- what `who` names
ALTER TABLE audit ADD COLUMN shelf INTEGER NOT NULL DEFAULT 0;      -- each is bounded by itself: see store/audit.py
UPDATE audit SET kind = 'node' WHERE action IN ('node.joined', 'node.refused');
UPDATE audit SET shelf = 2 WHERE outcome <> 'ok';
CREATE INDEX audit_by_shelf ON audit (shelf, id);
CREATE INDEX audit_by_time ON audit (ts);
