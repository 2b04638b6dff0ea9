-- Processes that hold the operator's escrow keys: they prepare restores of managed accounts and show what is in them.
CREATE TABLE restorers (
    name           TEXT COLLATE "C" PRIMARY KEY,
    url            TEXT COLLATE "C" NOT NULL,         -- where customers fetch archives
    token_hash     BYTEA NOT NULL UNIQUE,
    created_at     BIGINT NOT NULL,
    seen_at        BIGINT,
    keys           TEXT COLLATE "C" NOT NULL DEFAULT ''      -- fingerprints of its escrow keys, each between spaces
);

-- Archives that were asked for.
CREATE TABLE prepared_restores (
    restore_id     TEXT COLLATE "C" PRIMARY KEY,      -- rises with time of asking
    account_id     BYTEA NOT NULL,
    snapshot       TEXT COLLATE "C" NOT NULL,
    paths          TEXT COLLATE "C" NOT NULL,         -- JSON; [] for all
    state          TEXT COLLATE "C" NOT NULL,         -- waiting | preparing | ready | failed | cancelled | expired
    asked_by       TEXT COLLATE "C" NOT NULL,
    address        TEXT COLLATE "C",                  -- who is told when it is ready
    created_at     BIGINT NOT NULL,
    ended_at       BIGINT,
    expires_at     BIGINT,
    restorer       TEXT COLLATE "C",                  -- who works on it, or has it
    lease_until    BIGINT NOT NULL DEFAULT 0,
    token          BIGINT NOT NULL DEFAULT 0,
    attempts       BIGINT NOT NULL DEFAULT 0,
    files          BIGINT NOT NULL DEFAULT 0,
    bytes          BIGINT NOT NULL DEFAULT 0,
    bytes_total    BIGINT NOT NULL DEFAULT 0,
    length         BIGINT NOT NULL DEFAULT 0,
    troubles       BIGINT NOT NULL DEFAULT 0,
    failure        TEXT
);

CREATE INDEX prepared_restores_of ON prepared_restores (account_id, restore_id);
CREATE INDEX prepared_restores_open ON prepared_restores (state, created_at);

-- Who looks into a managed account, and until when.
CREATE TABLE browsing_sessions (
    session_id     TEXT COLLATE "C" PRIMARY KEY,
    account_id     BYTEA NOT NULL,
    person         TEXT COLLATE "C" NOT NULL,
    expires_at     BIGINT NOT NULL
);

CREATE INDEX browsing_sessions_of ON browsing_sessions (account_id, expires_at);
