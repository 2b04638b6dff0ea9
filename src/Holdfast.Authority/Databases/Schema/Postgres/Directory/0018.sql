-- What the service measures of itself, what went wrong, who waited, and what is said of it.
CREATE TABLE probes (
    component      TEXT COLLATE "C" PRIMARY KEY,      -- backups | restores | sign-in
    probed_at      BIGINT NOT NULL,
    failing_since  BIGINT,
    failure        TEXT COLLATE "C"
);

CREATE TABLE probe_days (
    component    TEXT COLLATE "C" NOT NULL,
    day          BIGINT NOT NULL,
    tried        BIGINT NOT NULL,
    failed       BIGINT NOT NULL,
    away_seconds BIGINT NOT NULL,                     -- while it failed, or nobody was there to try
    worst        BIGINT NOT NULL,                     -- milliseconds
    PRIMARY KEY (component, day)
);

CREATE TABLE incidents (
    incident_id  TEXT COLLATE "C" PRIMARY KEY,        -- rises with time
    title        TEXT COLLATE "C" NOT NULL,
    components   TEXT COLLATE "C" NOT NULL,           -- with commas between
    impact       TEXT COLLATE "C" NOT NULL,           -- degraded | outage
    opened_by    TEXT COLLATE "C" NOT NULL,
    measured     TEXT COLLATE "C",                    -- the component whose probes opened it, and end it
    began_at     BIGINT NOT NULL,
    opened_at    BIGINT NOT NULL,
    closed_at    BIGINT,
    apology      TEXT COLLATE "C"
);

CREATE INDEX incidents_open ON incidents (incident_id) WHERE closed_at IS NULL;
CREATE INDEX incidents_by_time ON incidents (began_at);

CREATE TABLE incident_events (
    incident_id  TEXT COLLATE "C" NOT NULL,
    number       BIGINT NOT NULL,
    at           BIGINT NOT NULL,
    event        TEXT COLLATE "C" NOT NULL,
    is_public    BIGINT NOT NULL,
    PRIMARY KEY (incident_id, number)
);

-- Computers that asked for a turn while the gate was not open.
CREATE TABLE gate_waits (
    account_id   BYTEA NOT NULL,
    computer     BIGINT NOT NULL,
    asked_at     BIGINT NOT NULL,
    admitted_at  BIGINT,
    PRIMARY KEY (account_id, computer, asked_at)
);

CREATE INDEX gate_waits_by_time ON gate_waits (asked_at);

-- Rehearsals of windows' steps, on samples.
CREATE TABLE rehearsals (
    window_id    TEXT COLLATE "C" NOT NULL,
    position     BIGINT NOT NULL,
    state        TEXT COLLATE "C" NOT NULL,           -- waiting | running | done | failed | left_out
    reference    TEXT COLLATE "C",
    detail       TEXT COLLATE "C",
    volume       BIGINT,
    milliseconds BIGINT,
    started_at   BIGINT,
    ended_at     BIGINT,
    PRIMARY KEY (window_id, position)
);

ALTER TABLE windows ADD COLUMN first_back_by BIGINT;         -- promised first; back_by and caught_up_by are what is promised now
ALTER TABLE windows ADD COLUMN first_caught_up_by BIGINT;
ALTER TABLE windows ADD COLUMN changes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE windows ADD COLUMN changed_at BIGINT;
ALTER TABLE windows ADD COLUMN change_reason TEXT COLLATE "C";
ALTER TABLE windows ADD COLUMN apology TEXT COLLATE "C";
ALTER TABLE window_steps ADD COLUMN learned_half BIGINT;     -- what it would be estimated to take by what it took, in milliseconds
ALTER TABLE window_steps ADD COLUMN learned_most BIGINT;
ALTER TABLE people ADD COLUMN time_zone TEXT COLLATE "C";
ALTER TABLE outbox ADD COLUMN is_markdown BIGINT NOT NULL DEFAULT 0;
CREATE INDEX windows_by_start ON windows (starts_at);
CREATE INDEX invoices_by_time ON invoices (issued_at);
UPDATE windows SET first_back_by = back_by, first_caught_up_by = caught_up_by WHERE announced_at IS NOT NULL;
CREATE INDEX gate_waits_open ON gate_waits (account_id, computer) WHERE admitted_at IS NULL;
CREATE INDEX rehearsals_open ON rehearsals (window_id) WHERE state IN ('waiting', 'running');
