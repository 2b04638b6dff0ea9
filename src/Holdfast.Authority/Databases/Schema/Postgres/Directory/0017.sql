-- Maintenance windows: what was planned and promised, and what came of it.
CREATE TABLE windows (
    window_id          TEXT COLLATE "C" PRIMARY KEY,  -- rises with time of planning
    name               TEXT COLLATE "C" NOT NULL,
    plan               TEXT COLLATE "C" NOT NULL,     -- the file, as it was sent
    state              TEXT COLLATE "C" NOT NULL,     -- planned | announced | in_progress | paused | aborting | completed | cancelled
    starts_at          BIGINT NOT NULL,
    planned_at         BIGINT NOT NULL,
    planned_by         TEXT COLLATE "C" NOT NULL,
    announced_at       BIGINT,
    announced_by       TEXT COLLATE "C",
    back_by            BIGINT,                        -- promised: services are back
    caught_up_by       BIGINT,                        -- promised: everyone is caught up
    is_forced          BIGINT NOT NULL DEFAULT 0,     -- less than P90 was promised
    back_half          BIGINT,                        -- the estimate that it was announced with, in seconds from its start
    back_most          BIGINT,
    caught_up_half     BIGINT,
    caught_up_most     BIGINT,
    live_back_by       BIGINT,                        -- the estimate now, P90
    live_caught_up_by  BIGINT,
    started_at         BIGINT,
    back_at            BIGINT,
    ended_at           BIGINT,
    failure            TEXT COLLATE "C",
    probes             BIGINT NOT NULL DEFAULT 0,     -- restores and sign-ins that were tried meanwhile
    probes_failed      BIGINT NOT NULL DEFAULT 0,
    probe_worst        BIGINT NOT NULL DEFAULT 0,     -- milliseconds
    probed_at          BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX windows_open ON windows (starts_at) WHERE state NOT IN ('completed', 'cancelled');

CREATE TABLE window_steps (
    window_id   TEXT COLLATE "C" NOT NULL,
    position    BIGINT NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    state       TEXT COLLATE "C" NOT NULL,            -- waiting | running | done | undone | left
    reference   TEXT COLLATE "C",                     -- what it works with: a move's id, a process
    detail      TEXT COLLATE "C",
    share       BIGINT,                               -- of a million
    half        BIGINT,                               -- the estimate that the window was announced with, in milliseconds
    most        BIGINT,
    started_at  BIGINT,                               -- milliseconds since 1970
    ended_at    BIGINT,
    PRIMARY KEY (window_id, position)
);

CREATE TABLE window_events (
    window_id   TEXT COLLATE "C" NOT NULL,
    number      BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    event       TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (window_id, number)
);
