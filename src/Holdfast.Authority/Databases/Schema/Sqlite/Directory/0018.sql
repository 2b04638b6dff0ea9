-- What the service measures of itself, what went wrong, who waited, and what is said of it.
CREATE TABLE probes (
    component      TEXT PRIMARY KEY,      -- backups | restores | sign-in
    probed_at      INTEGER NOT NULL,
    failing_since  INTEGER,
    failure        TEXT
);

CREATE TABLE probe_days (
    component    TEXT NOT NULL,
    day          INTEGER NOT NULL,
    tried        INTEGER NOT NULL,
    failed       INTEGER NOT NULL,
    away_seconds INTEGER NOT NULL,                     -- while it failed, or nobody was there to try
    worst        INTEGER NOT NULL,                     -- milliseconds
    PRIMARY KEY (component, day)
);

CREATE TABLE incidents (
    incident_id  TEXT PRIMARY KEY,        -- rises with time
    title        TEXT NOT NULL,
    components   TEXT NOT NULL,           -- with commas between
    impact       TEXT NOT NULL,           -- degraded | outage
    opened_by    TEXT NOT NULL,
    measured     TEXT,                    -- the component whose probes opened it, and end it
    began_at     INTEGER NOT NULL,
    opened_at    INTEGER NOT NULL,
    closed_at    INTEGER,
    apology      TEXT
);

CREATE INDEX incidents_open ON incidents (incident_id) WHERE closed_at IS NULL;
CREATE INDEX incidents_by_time ON incidents (began_at);

CREATE TABLE incident_events (
    incident_id  TEXT NOT NULL,
    number       INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    event        TEXT NOT NULL,
    is_public    INTEGER NOT NULL,
    PRIMARY KEY (incident_id, number)
);

-- Computers that asked for a turn while the gate was not open.
CREATE TABLE gate_waits (
    account_id   BLOB NOT NULL,
    computer     INTEGER NOT NULL,
    asked_at     INTEGER NOT NULL,
    admitted_at  INTEGER,
    PRIMARY KEY (account_id, computer, asked_at)
);

CREATE INDEX gate_waits_by_time ON gate_waits (asked_at);

-- Rehearsals of windows' steps, on samples.
CREATE TABLE rehearsals (
    window_id    TEXT NOT NULL,
    position     INTEGER NOT NULL,
    state        TEXT NOT NULL,           -- waiting | running | done | failed | left_out
    reference    TEXT,
    detail       TEXT,
    volume       INTEGER,
    milliseconds INTEGER,
    started_at   INTEGER,
    ended_at     INTEGER,
    PRIMARY KEY (window_id, position)
);

ALTER TABLE windows ADD COLUMN first_back_by INTEGER;         -- promised first; back_by and caught_up_by are what is promised now
ALTER TABLE windows ADD COLUMN first_caught_up_by INTEGER;
ALTER TABLE windows ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE windows ADD COLUMN changed_at INTEGER;
ALTER TABLE windows ADD COLUMN change_reason TEXT;
ALTER TABLE windows ADD COLUMN apology TEXT;
ALTER TABLE window_steps ADD COLUMN learned_half INTEGER;     -- what it would be estimated to take by what it took, in milliseconds
ALTER TABLE window_steps ADD COLUMN learned_most INTEGER;
ALTER TABLE people ADD COLUMN time_zone TEXT;
ALTER TABLE outbox ADD COLUMN is_markdown INTEGER NOT NULL DEFAULT 0;
CREATE INDEX windows_by_start ON windows (starts_at);
CREATE INDEX invoices_by_time ON invoices (issued_at);
UPDATE windows SET first_back_by = back_by, first_caught_up_by = caught_up_by WHERE announced_at IS NOT NULL;
CREATE INDEX gate_waits_open ON gate_waits (account_id, computer) WHERE admitted_at IS NULL;
CREATE INDEX rehearsals_open ON rehearsals (window_id) WHERE state IN ('waiting', 'running');
