-- A move of an account between stores (Moving/MoveState.cs): decided by compare-and-set on this row.
ALTER TABLE accounts ADD COLUMN move_state TEXT COLLATE "C" NOT NULL DEFAULT 'none';
ALTER TABLE accounts ADD COLUMN move_other TEXT COLLATE "C";
ALTER TABLE accounts ADD COLUMN move_attempt BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN mover TEXT COLLATE "C";
CREATE INDEX accounts_moving ON accounts (move_state, account_id) WHERE move_state <> 'none';
CREATE INDEX accounts_at_home ON accounts (home, account_id);

-- Moves of many accounts that an operator planned. State: planned, running, paused, aborting, reversible, ended. What is made outside of the accounts' own rows is written down here before it is made.
CREATE TABLE moves (
    move_id        TEXT COLLATE "C" PRIMARY KEY,
    target         TEXT COLLATE "C" NOT NULL,
    state          TEXT COLLATE "C" NOT NULL,
    is_back        BIGINT NOT NULL,               -- its accounts are on their way back
    rate           BIGINT NOT NULL,               -- rows a second, 0 for no limit
    at_once        BIGINT NOT NULL,
    keep_seconds   BIGINT NOT NULL,               -- how long there is a way back
    planned_at     BIGINT NOT NULL,
    started_at     BIGINT,
    moved_at       BIGINT,                        -- when the last account had moved: the way back counts from here
    ended_at       BIGINT,
    not_planned    BIGINT NOT NULL,               -- accounts that something else had
    indexed        TEXT COLLATE "C" NOT NULL DEFAULT ''   -- stores in which indexes were made for it
);

-- The accounts of a move, as they were when it was planned. State: waiting, moved, returned, retired, left_out.
CREATE TABLE move_accounts (
    move_id     TEXT COLLATE "C" NOT NULL,
    account_id  BYTEA NOT NULL,
    source      TEXT COLLATE "C" NOT NULL,
    epoch       BIGINT NOT NULL,
    state       TEXT COLLATE "C" NOT NULL,
    tries       BIGINT NOT NULL DEFAULT 0,
    moved_rows  BIGINT NOT NULL DEFAULT 0,
    freeze_us   BIGINT,
    failure     TEXT COLLATE "C",
    PRIMARY KEY (move_id, account_id)
);
CREATE INDEX move_accounts_in_state ON move_accounts (move_id, state, account_id);
CREATE INDEX move_accounts_of_account ON move_accounts (account_id);
