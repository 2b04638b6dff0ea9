-- What the gate does with computers that want to back up: one row, which only operators and the beginning and end of a bring-up change.
CREATE TABLE gate (
    name        TEXT COLLATE "C" PRIMARY KEY,
    mode        TEXT COLLATE "C" NOT NULL,
    reason      TEXT COLLATE "C",
    since       BIGINT NOT NULL,
    opens_at    BIGINT,
    at_most     BIGINT,
    cohorts     TEXT COLLATE "C" NOT NULL,
    turn_key    BYTEA NOT NULL
);

-- What each node let in since the gate was changed last; each writes its own row.
CREATE TABLE gate_nodes (
    node        TEXT COLLATE "C" PRIMARY KEY,
    seen_at     BIGINT NOT NULL,
    since       BIGINT NOT NULL,
    admitted    BIGINT NOT NULL,
    skipped     BIGINT NOT NULL,
    busy_at     BIGINT NOT NULL
);
CREATE INDEX gate_nodes_seen ON gate_nodes (seen_at);

-- Backups under way, and for a minute those that have ended: what one node lets in another may end before the first has told of it. Milliseconds, but for seen_at.
CREATE TABLE admissions (
    account_id  BYTEA NOT NULL,
    computer    BIGINT NOT NULL,
    entered_at  BIGINT NOT NULL,
    ended_at    BIGINT NOT NULL,
    seen_at     BIGINT NOT NULL,
    PRIMARY KEY (account_id, computer)
);
CREATE INDEX admissions_seen ON admissions (seen_at);
