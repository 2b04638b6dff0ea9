-- Work that outlives the node that does it. A lease says who does it until when; its token rises with each lease, and what is written under an older one changes nothing.
CREATE TABLE jobs (
    job_id       TEXT COLLATE "C" PRIMARY KEY,        -- rises with time
    kind         TEXT COLLATE "C" NOT NULL,
    subject      TEXT COLLATE "C" NOT NULL,           -- an account, or nothing: one job of a kind is under way for each
    state        TEXT COLLATE "C" NOT NULL,           -- waiting | running | done; one that failed waits again
    due_at       BIGINT NOT NULL,
    lease_until  BIGINT NOT NULL,        -- 0: nobody has it
    token        BIGINT NOT NULL,
    node         TEXT COLLATE "C",
    attempts     BIGINT NOT NULL,        -- since it last got on
    progress     TEXT COLLATE "C",
    failure      TEXT COLLATE "C",
    created_at   BIGINT NOT NULL,
    ended_at     BIGINT
);

CREATE UNIQUE INDEX jobs_under_way ON jobs (kind, subject) WHERE state IN ('waiting', 'running');
CREATE INDEX jobs_due ON jobs (due_at) WHERE state IN ('waiting', 'running');

-- How much there was of what, day after day (days since 1970): windows are forecast from it.
CREATE TABLE samples (
    metric   TEXT COLLATE "C" NOT NULL,
    subject  TEXT COLLATE "C" NOT NULL,
    day      BIGINT NOT NULL,
    value    BIGINT NOT NULL,
    PRIMARY KEY (metric, subject, day)
);

-- What operators did. Each row's hash covers the row and the hash of the one before: what is changed or taken out is found.
CREATE TABLE audit (
    number      BIGINT PRIMARY KEY,
    at          BIGINT NOT NULL,
    actor       TEXT COLLATE "C" NOT NULL,
    action      TEXT COLLATE "C" NOT NULL,
    subject     TEXT COLLATE "C" NOT NULL,
    hash        BYTEA NOT NULL
);

-- One row: it is locked first, so that rows follow each other.
CREATE TABLE audit_end (
    one     BIGINT PRIMARY KEY CHECK (one = 1),
    number  BIGINT NOT NULL,
    hash    BYTEA NOT NULL
);

INSERT INTO audit_end (one, number, hash) VALUES (1, 0, decode('0000000000000000000000000000000000000000000000000000000000000000', 'hex'));

-- What holds for the whole service: that it is being rebuilt, for instance.
CREATE TABLE directory_marks (
    name   TEXT COLLATE "C" PRIMARY KEY,
    value  TEXT COLLATE "C" NOT NULL
);
