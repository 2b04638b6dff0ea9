-- The directory: who there is, and where each account lives. Nothing of an account's backups stands here.
CREATE TABLE operators (
    name        TEXT COLLATE "C" PRIMARY KEY,
    token_hash  BYTEA NOT NULL UNIQUE,
    created_at  BIGINT NOT NULL
);

CREATE TABLE accounts (
    account_id  BYTEA PRIMARY KEY,
    name        TEXT COLLATE "C" NOT NULL UNIQUE,
    home        TEXT COLLATE "C" NOT NULL,
    epoch       BIGINT NOT NULL,
    state       TEXT COLLATE "C" NOT NULL,
    created_at  BIGINT NOT NULL
);

CREATE TABLE enrolment_codes (
    code_hash   BYTEA PRIMARY KEY,
    account_id  BYTEA NOT NULL,
    expires_at  BIGINT NOT NULL,
    used_at     BIGINT
);
