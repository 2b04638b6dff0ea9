-- Work that outlives the node that does it. A lease says who does it until when; its token rises with each lease, and what is written under an older one changes nothing.
CREATE TABLE jobs (
    job_id       TEXT PRIMARY KEY,        -- rises with time
    kind         TEXT NOT NULL,
    subject      TEXT NOT NULL,           -- an account, or nothing: one job of a kind is under way for each
    state        TEXT NOT NULL,           -- waiting | running | done; one that failed waits again
    due_at       INTEGER NOT NULL,
    lease_until  INTEGER NOT NULL,        -- 0: nobody has it
    token        INTEGER NOT NULL,
    node         TEXT,
    attempts     INTEGER NOT NULL,        -- since it last got on
    progress     TEXT,
    failure      TEXT,
    created_at   INTEGER NOT NULL,
    ended_at     INTEGER
) WITHOUT ROWID;

CREATE UNIQUE INDEX jobs_under_way ON jobs (kind, subject) WHERE state IN ('waiting', 'running');
CREATE INDEX jobs_due ON jobs (due_at) WHERE state IN ('waiting', 'running');

-- How much there was of what, day after day (days since 1970): windows are forecast from it.
CREATE TABLE samples (
    metric   TEXT NOT NULL,
    subject  TEXT NOT NULL,
    day      INTEGER NOT NULL,
    value    INTEGER NOT NULL,
    PRIMARY KEY (metric, subject, day)
) WITHOUT ROWID;

-- What operators did. Each row's hash covers the row and the hash of the one before: what is changed or taken out is found.
CREATE TABLE audit (
    number      INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    actor       TEXT NOT NULL,
    action      TEXT NOT NULL,
    subject     TEXT NOT NULL,
    hash        BLOB NOT NULL
);

-- One row: it is locked first, so that rows follow each other.
CREATE TABLE audit_end (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    number  INTEGER NOT NULL,
    hash    BLOB NOT NULL
);

INSERT INTO audit_end (one, number, hash) VALUES (1, 0, x'0000000000000000000000000000000000000000000000000000000000000000');

-- What holds for the whole service: that it is being rebuilt, for instance.
CREATE TABLE directory_marks (
    name   TEXT PRIMARY KEY,
    value  TEXT NOT NULL
) WITHOUT ROWID;
