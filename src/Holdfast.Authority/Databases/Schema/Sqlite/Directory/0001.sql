-- The directory: who there is, and where each account lives. Nothing of an account's backups stands here.
CREATE TABLE operators (
    name        TEXT PRIMARY KEY,
    token_hash  BLOB NOT NULL UNIQUE,
    created_at  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE accounts (
    account_id  BLOB PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    home        TEXT NOT NULL,
    epoch       INTEGER NOT NULL,
    state       TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE enrolment_codes (
    code_hash   BLOB PRIMARY KEY,
    account_id  BLOB NOT NULL,
    expires_at  INTEGER NOT NULL,
    used_at     INTEGER
) WITHOUT ROWID;
