-- Journals that begin with a past, and what is kept of the sessions that agents have by themselves.

-- 1 while events that happened elsewhere are being written: a start removes what was not finished.
ALTER TABLE sessions ADD COLUMN is_filling INTEGER NOT NULL DEFAULT 0;

CREATE TABLE hidden (
    provider  TEXT NOT NULL,          -- an agent's own sessions that somebody has removed from the list
    native_id TEXT NOT NULL,
    PRIMARY KEY (provider, native_id)
) STRICT, WITHOUT ROWID;
