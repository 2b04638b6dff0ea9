-- What the gate does with computers that want to back up: one row, which only operators and the beginning and end of a bring-up change.
CREATE TABLE gate (
    name        TEXT PRIMARY KEY,
    mode        TEXT NOT NULL,
    reason      TEXT,
    since       INTEGER NOT NULL,
    opens_at    INTEGER,
    at_most     INTEGER,
    cohorts     TEXT NOT NULL,
    turn_key    BLOB NOT NULL
) WITHOUT ROWID;

-- What each node let in since the gate was changed last; each writes its own row.
CREATE TABLE gate_nodes (
    node        TEXT PRIMARY KEY,
    seen_at     INTEGER NOT NULL,
    since       INTEGER NOT NULL,
    admitted    INTEGER NOT NULL,
    skipped     INTEGER NOT NULL,
    busy_at     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX gate_nodes_seen ON gate_nodes (seen_at);

-- Backups under way, and for a minute those that have ended: what one node lets in another may end before the first has told of it. Milliseconds, but for seen_at.
CREATE TABLE admissions (
    account_id  BLOB NOT NULL,
    computer    INTEGER NOT NULL,
    entered_at  INTEGER NOT NULL,
    ended_at    INTEGER NOT NULL,
    seen_at     INTEGER NOT NULL,
    PRIMARY KEY (account_id, computer)
) WITHOUT ROWID;
CREATE INDEX admissions_seen ON admissions (seen_at);
