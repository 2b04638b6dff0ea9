-- Processes that hold the operator's escrow keys: they prepare restores of managed accounts and show what is in them.
CREATE TABLE restorers (
    name           TEXT PRIMARY KEY,
    url            TEXT NOT NULL,         -- where customers fetch archives
    token_hash     BLOB NOT NULL UNIQUE,
    created_at     INTEGER NOT NULL,
    seen_at        INTEGER,
    keys           TEXT NOT NULL DEFAULT ''      -- fingerprints of its escrow keys, each between spaces
);

-- Archives that were asked for.
CREATE TABLE prepared_restores (
    restore_id     TEXT PRIMARY KEY,      -- rises with time of asking
    account_id     BLOB NOT NULL,
    snapshot       TEXT NOT NULL,
    paths          TEXT NOT NULL,         -- JSON; [] for all
    state          TEXT NOT NULL,         -- waiting | preparing | ready | failed | cancelled | expired
    asked_by       TEXT NOT NULL,
    address        TEXT,                  -- who is told when it is ready
    created_at     INTEGER NOT NULL,
    ended_at       INTEGER,
    expires_at     INTEGER,
    restorer       TEXT,                  -- who works on it, or has it
    lease_until    INTEGER NOT NULL DEFAULT 0,
    token          INTEGER NOT NULL DEFAULT 0,
    attempts       INTEGER NOT NULL DEFAULT 0,
    files          INTEGER NOT NULL DEFAULT 0,
    bytes          INTEGER NOT NULL DEFAULT 0,
    bytes_total    INTEGER NOT NULL DEFAULT 0,
    length         INTEGER NOT NULL DEFAULT 0,
    troubles       INTEGER NOT NULL DEFAULT 0,
    failure        TEXT
);

CREATE INDEX prepared_restores_of ON prepared_restores (account_id, restore_id);
CREATE INDEX prepared_restores_open ON prepared_restores (state, created_at);

-- Who looks into a managed account, and until when.
CREATE TABLE browsing_sessions (
    session_id     TEXT PRIMARY KEY,
    account_id     BLOB NOT NULL,
    person         TEXT NOT NULL,
    expires_at     INTEGER NOT NULL
);

CREATE INDEX browsing_sessions_of ON browsing_sessions (account_id, expires_at);
