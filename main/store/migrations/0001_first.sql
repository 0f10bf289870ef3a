-- Accounts, nodes, audit and the cached list of sessions.

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE users (
    id       TEXT PRIMARY KEY,
    name     TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,   -- the name as it is compared: normalised and without case
    password TEXT NOT NULL,          -- bcrypt
    role     TEXT NOT NULL CHECK (role IN ('owner', 'member', 'viewer')),
    created  TEXT NOT NULL
) STRICT;

CREATE TABLE logins (
    id         TEXT PRIMARY KEY,
    user       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created    TEXT NOT NULL,
    last_seen  TEXT NOT NULL,
    expires_s  INTEGER NOT NULL,     -- Unix time; moved on while the login is used
    address    TEXT NOT NULL,
    user_agent TEXT NOT NULL
) STRICT;
CREATE INDEX logins_of_user ON logins (user);

CREATE TABLE nodes (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    mode         TEXT NOT NULL CHECK (mode IN ('direct', 'callback', 'dialed')),
    is_local     INTEGER NOT NULL,
    is_confirmed INTEGER NOT NULL,   -- the node has used a link after the secrets were exchanged
    secret_hash  BLOB NOT NULL,      -- SHA-256 of the secret that the node presents to Main
    main_secret  TEXT NOT NULL,      -- what Main presents to the node when Main dials
    about        BLOB NOT NULL,      -- JSON: what the node last said of itself
    joined       TEXT NOT NULL,
    last_seen    TEXT
) STRICT;

CREATE TABLE sessions (
    node TEXT NOT NULL REFERENCES nodes (id) ON DELETE CASCADE,
    id   TEXT NOT NULL,
    body BLOB NOT NULL,              -- JSON of the session as lists show it
    PRIMARY KEY (node, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    ts      TEXT NOT NULL,
    who     TEXT NOT NULL,
    address TEXT NOT NULL,
    action  TEXT NOT NULL,
    node    TEXT,
    subject TEXT,
    outcome TEXT NOT NULL
) STRICT;
