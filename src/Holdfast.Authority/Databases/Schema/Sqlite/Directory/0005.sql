-- People who sign in. Passwords are Argon2id; of codes and tokens only their SHA-256 stands here. Times are seconds since 1970.
CREATE TABLE people (
    person_id          TEXT PRIMARY KEY,
    email              TEXT NOT NULL,
    email_key          TEXT NOT NULL UNIQUE,   -- as it is looked up, without regard to case
    name               TEXT NOT NULL,
    password_hash      TEXT,                   -- null: signs in by passkey or provider only
    security_stamp     TEXT NOT NULL,         -- changes with whatever ends sessions
    two_factor         INTEGER NOT NULL,
    authenticator_key  TEXT,
    operator_role      TEXT,                   -- support | operator | admin
    suspended_at       INTEGER,
    created_at         INTEGER NOT NULL,
    version            TEXT NOT NULL
) WITHOUT ROWID;

-- An authenticator's code works once.
CREATE TABLE used_authenticator_codes (
    person_id  TEXT NOT NULL,
    code_hash  BLOB NOT NULL,
    used_at    INTEGER NOT NULL,
    PRIMARY KEY (person_id, code_hash)
) WITHOUT ROWID;

CREATE TABLE recovery_codes (
    person_id  TEXT NOT NULL,
    code_hash  BLOB NOT NULL,
    PRIMARY KEY (person_id, code_hash)
) WITHOUT ROWID;

CREATE TABLE passkeys (
    credential_id       BLOB PRIMARY KEY,
    person_id           TEXT NOT NULL,
    name                TEXT,
    public_key          BLOB NOT NULL,
    sign_count          INTEGER NOT NULL,
    transports          TEXT NOT NULL,
    is_user_verified    INTEGER NOT NULL,
    is_backup_eligible  INTEGER NOT NULL,
    is_backed_up        INTEGER NOT NULL,
    attestation         BLOB NOT NULL,
    client_data         BLOB NOT NULL,
    created_at          INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX passkeys_of_person ON passkeys (person_id);

-- Who a person is for an operator's identity provider.
CREATE TABLE provider_logins (
    provider    TEXT NOT NULL,
    subject     TEXT NOT NULL,
    person_id   TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (provider, subject)
) WITHOUT ROWID;

CREATE INDEX provider_logins_of_person ON provider_logins (person_id);

CREATE TABLE sign_ins (
    sign_in_id  TEXT PRIMARY KEY,
    token_hash  BLOB NOT NULL UNIQUE,
    person_id   TEXT NOT NULL,
    method      TEXT NOT NULL,            -- password | password+totp | password+recovery | passkey | provider
    created_at  INTEGER NOT NULL,
    used_at     INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    proved_at   INTEGER,                  -- when they showed all factors they have
    is_strong   INTEGER NOT NULL,         -- those were two
    address     TEXT NOT NULL,
    agent       TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX sign_ins_of_person ON sign_ins (person_id);
CREATE INDEX sign_ins_expiring ON sign_ins (expires_at);

CREATE TABLE api_tokens (
    token_id    TEXT PRIMARY KEY,
    token_hash  BLOB NOT NULL UNIQUE,
    person_id   TEXT NOT NULL,
    name        TEXT NOT NULL,
    scopes      TEXT NOT NULL,            -- actions, joined by spaces
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX api_tokens_of_person ON api_tokens (person_id);
CREATE INDEX api_tokens_expiring ON api_tokens (expires_at);

CREATE TABLE organisations (
    organisation_id  TEXT PRIMARY KEY,
    name             TEXT NOT NULL UNIQUE,
    created_at       INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE members (
    organisation_id  TEXT NOT NULL,
    person_id        TEXT NOT NULL,
    role             TEXT NOT NULL,       -- owner | member | restore-only | billing
    created_at       INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, person_id)
) WITHOUT ROWID;

CREATE INDEX members_of_person ON members (person_id);

-- Invitations, confirmations of addresses, resets of passwords, passkeys' ceremonies: each code works once.
CREATE TABLE one_time_codes (
    code_hash   BLOB PRIMARY KEY,
    purpose     TEXT NOT NULL,
    subject     TEXT NOT NULL,            -- what it was made for, as JSON
    expires_at  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX one_time_codes_expiring ON one_time_codes (expires_at);

-- How often somebody tried to sign in, by address and by e-mail.
CREATE TABLE attempts (
    attempt_key  BLOB PRIMARY KEY,
    begun_at     INTEGER NOT NULL,
    tries        INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX attempts_begun ON attempts (begun_at);

-- Mail that is to be sent; a job sends each.
CREATE TABLE outbox (
    mail_id     TEXT PRIMARY KEY,
    recipient   TEXT NOT NULL,
    subject     TEXT NOT NULL,
    body        TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    sent_at     INTEGER
) WITHOUT ROWID;

CREATE INDEX outbox_made ON outbox (created_at);
CREATE INDEX jobs_of_kind ON jobs (kind, job_id);

ALTER TABLE accounts ADD COLUMN organisation_id TEXT;
CREATE INDEX accounts_of_organisation ON accounts (organisation_id, name);
ALTER TABLE operators ADD COLUMN role TEXT NOT NULL DEFAULT 'admin';
