-- Sessions with their journals, the node's identity, recorded agent processes, pinned projects.

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE sessions (
    number INTEGER PRIMARY KEY,       -- stands for the session in the tables below
    id     TEXT NOT NULL UNIQUE,
    epoch  TEXT NOT NULL,             -- of the journal; another one means that cursors are worth nothing
    seen   INTEGER NOT NULL DEFAULT 0, -- seq up to which somebody has looked
    folded BLOB,                      -- JSON: the state at `folded_head`, so that a start need not read all events
    folded_head INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE events (
    session INTEGER NOT NULL REFERENCES sessions (number) ON DELETE CASCADE,
    seq     INTEGER NOT NULL,
    body    BLOB NOT NULL,            -- the event as JSON, exactly as readers get it
    PRIMARY KEY (session, seq)
) STRICT;

CREATE TABLE names (
    session INTEGER NOT NULL REFERENCES sessions (number) ON DELETE CASCADE,
    kind    TEXT NOT NULL CHECK (kind IN ('prompt', 'asked', 'answered')),
    name    TEXT NOT NULL,            -- a message id or the id of an approval
    seq     INTEGER NOT NULL,         -- the event that it names
    PRIMARY KEY (session, kind, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE processes (
    pid        INTEGER NOT NULL,
    start_time INTEGER NOT NULL,      -- clock ticks since boot: with the pid it names a process for ever
    command    TEXT NOT NULL,
    PRIMARY KEY (pid, start_time)
) STRICT, WITHOUT ROWID;

CREATE TABLE pinned (
    path TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
