-- Maintenance windows: what was planned and promised, and what came of it.
CREATE TABLE windows (
    window_id          TEXT PRIMARY KEY,  -- rises with time of planning
    name               TEXT NOT NULL,
    plan               TEXT NOT NULL,     -- the file, as it was sent
    state              TEXT NOT NULL,     -- planned | announced | in_progress | paused | aborting | completed | cancelled
    starts_at          INTEGER NOT NULL,
    planned_at         INTEGER NOT NULL,
    planned_by         TEXT NOT NULL,
    announced_at       INTEGER,
    announced_by       TEXT,
    back_by            INTEGER,                        -- promised: services are back
    caught_up_by       INTEGER,                        -- promised: everyone is caught up
    is_forced          INTEGER NOT NULL DEFAULT 0,     -- less than P90 was promised
    back_half          INTEGER,                        -- the estimate that it was announced with, in seconds from its start
    back_most          INTEGER,
    caught_up_half     INTEGER,
    caught_up_most     INTEGER,
    live_back_by       INTEGER,                        -- the estimate now, P90
    live_caught_up_by  INTEGER,
    started_at         INTEGER,
    back_at            INTEGER,
    ended_at           INTEGER,
    failure            TEXT,
    probes             INTEGER NOT NULL DEFAULT 0,     -- restores and sign-ins that were tried meanwhile
    probes_failed      INTEGER NOT NULL DEFAULT 0,
    probe_worst        INTEGER NOT NULL DEFAULT 0,     -- milliseconds
    probed_at          INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX windows_open ON windows (starts_at) WHERE state NOT IN ('completed', 'cancelled');

CREATE TABLE window_steps (
    window_id   TEXT NOT NULL,
    position    INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    name        TEXT NOT NULL,
    state       TEXT NOT NULL,            -- waiting | running | done | undone | left
    reference   TEXT,                     -- what it works with: a move's id, a process
    detail      TEXT,
    share       INTEGER,                               -- of a million
    half        INTEGER,                               -- the estimate that the window was announced with, in milliseconds
    most        INTEGER,
    started_at  INTEGER,                               -- milliseconds since 1970
    ended_at    INTEGER,
    PRIMARY KEY (window_id, position)
);

CREATE TABLE window_events (
    window_id   TEXT NOT NULL,
    number      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    event       TEXT NOT NULL,
    PRIMARY KEY (window_id, number)
);
