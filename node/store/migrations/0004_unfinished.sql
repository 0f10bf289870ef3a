-- What is being written in a turn that runs, so that a node that is killed has it when it starts again.

CREATE TABLE unfinished (
    session INTEGER PRIMARY KEY REFERENCES sessions (number) ON DELETE CASCADE,
    body    BLOB NOT NULL             -- JSON: a delta from offset 0 for each open block
) STRICT;
