-- A move of an account between stores (Moving/MoveState.cs): decided by compare-and-set on this row.
ALTER TABLE accounts ADD COLUMN move_state TEXT NOT NULL DEFAULT 'none';
ALTER TABLE accounts ADD COLUMN move_other TEXT;
ALTER TABLE accounts ADD COLUMN move_attempt INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN mover TEXT;
CREATE INDEX accounts_moving ON accounts (move_state, account_id) WHERE move_state <> 'none';
CREATE INDEX accounts_at_home ON accounts (home, account_id);

-- Moves of many accounts that an operator planned. State: planned, running, paused, aborting, reversible, ended. What is made outside of the accounts' own rows is written down here before it is made.
CREATE TABLE moves (
    move_id        TEXT PRIMARY KEY,
    target         TEXT NOT NULL,
    state          TEXT NOT NULL,
    is_back        INTEGER NOT NULL,               -- its accounts are on their way back
    rate           INTEGER NOT NULL,               -- rows a second, 0 for no limit
    at_once        INTEGER NOT NULL,
    keep_seconds   INTEGER NOT NULL,               -- how long there is a way back
    planned_at     INTEGER NOT NULL,
    started_at     INTEGER,
    moved_at       INTEGER,                        -- when the last account had moved: the way back counts from here
    ended_at       INTEGER,
    not_planned    INTEGER NOT NULL,               -- accounts that something else had
    indexed        TEXT NOT NULL DEFAULT ''   -- stores in which indexes were made for it
);

-- The accounts of a move, as they were when it was planned. State: waiting, moved, returned, retired, left_out.
CREATE TABLE move_accounts (
    move_id     TEXT NOT NULL,
    account_id  BLOB NOT NULL,
    source      TEXT NOT NULL,
    epoch       INTEGER NOT NULL,
    state       TEXT NOT NULL,
    tries       INTEGER NOT NULL DEFAULT 0,
    moved_rows  INTEGER NOT NULL DEFAULT 0,
    freeze_us   INTEGER,
    failure     TEXT,
    PRIMARY KEY (move_id, account_id)
) WITHOUT ROWID;
CREATE INDEX move_accounts_in_state ON move_accounts (move_id, state, account_id);
CREATE INDEX move_accounts_of_account ON move_accounts (account_id);
