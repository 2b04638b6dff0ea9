-- People who sign in. Passwords are Argon2id; of codes and tokens only their SHA-256 stands here. Times are seconds since 1970.
CREATE TABLE people (
    person_id          TEXT COLLATE "C" PRIMARY KEY,
    email              TEXT COLLATE "C" NOT NULL,
    email_key          TEXT COLLATE "C" NOT NULL UNIQUE,   -- as it is looked up, without regard to case
    name               TEXT COLLATE "C" NOT NULL,
    password_hash      TEXT COLLATE "C",                   -- null: signs in by passkey or provider only
    security_stamp     TEXT COLLATE "C" NOT NULL,         -- changes with whatever ends sessions
    two_factor         BIGINT NOT NULL,
    authenticator_key  TEXT COLLATE "C",
    operator_role      TEXT COLLATE "C",                   -- support | operator | admin
    suspended_at       BIGINT,
    created_at         BIGINT NOT NULL,
    version            TEXT COLLATE "C" NOT NULL
);

-- An authenticator's code works once.
CREATE TABLE used_authenticator_codes (
    person_id  TEXT COLLATE "C" NOT NULL,
    code_hash  BYTEA NOT NULL,
    used_at    BIGINT NOT NULL,
    PRIMARY KEY (person_id, code_hash)
);

CREATE TABLE recovery_codes (
    person_id  TEXT COLLATE "C" NOT NULL,
    code_hash  BYTEA NOT NULL,
    PRIMARY KEY (person_id, code_hash)
);

CREATE TABLE passkeys (
    credential_id       BYTEA PRIMARY KEY,
    person_id           TEXT COLLATE "C" NOT NULL,
    name                TEXT COLLATE "C",
    public_key          BYTEA NOT NULL,
    sign_count          BIGINT NOT NULL,
    transports          TEXT COLLATE "C" NOT NULL,
    is_user_verified    BIGINT NOT NULL,
    is_backup_eligible  BIGINT NOT NULL,
    is_backed_up        BIGINT NOT NULL,
    attestation         BYTEA NOT NULL,
    client_data         BYTEA NOT NULL,
    created_at          BIGINT NOT NULL
);

CREATE INDEX passkeys_of_person ON passkeys (person_id);

-- Who a person is for an operator's identity provider.
CREATE TABLE provider_logins (
    provider    TEXT COLLATE "C" NOT NULL,
    subject     TEXT COLLATE "C" NOT NULL,
    person_id   TEXT COLLATE "C" NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (provider, subject)
);

CREATE INDEX provider_logins_of_person ON provider_logins (person_id);

CREATE TABLE sign_ins (
    sign_in_id  TEXT COLLATE "C" PRIMARY KEY,
    token_hash  BYTEA NOT NULL UNIQUE,
    person_id   TEXT COLLATE "C" NOT NULL,
    method      TEXT COLLATE "C" NOT NULL,            -- password | password+totp | password+recovery | passkey | provider
    created_at  BIGINT NOT NULL,
    used_at     BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    proved_at   BIGINT,                  -- when they showed all factors they have
    is_strong   BIGINT NOT NULL,         -- those were two
    address     TEXT COLLATE "C" NOT NULL,
    agent       TEXT COLLATE "C" NOT NULL
);

CREATE INDEX sign_ins_of_person ON sign_ins (person_id);
CREATE INDEX sign_ins_expiring ON sign_ins (expires_at);

CREATE TABLE api_tokens (
    token_id    TEXT COLLATE "C" PRIMARY KEY,
    token_hash  BYTEA NOT NULL UNIQUE,
    person_id   TEXT COLLATE "C" NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    scopes      TEXT COLLATE "C" NOT NULL,            -- actions, joined by spaces
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);

CREATE INDEX api_tokens_of_person ON api_tokens (person_id);
CREATE INDEX api_tokens_expiring ON api_tokens (expires_at);

CREATE TABLE organisations (
    organisation_id  TEXT COLLATE "C" PRIMARY KEY,
    name             TEXT COLLATE "C" NOT NULL UNIQUE,
    created_at       BIGINT NOT NULL
);

CREATE TABLE members (
    organisation_id  TEXT COLLATE "C" NOT NULL,
    person_id        TEXT COLLATE "C" NOT NULL,
    role             TEXT COLLATE "C" NOT NULL,       -- owner | member | restore-only | billing
    created_at       BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, person_id)
);

CREATE INDEX members_of_person ON members (person_id);

-- Invitations, confirmations of addresses, resets of passwords, passkeys' ceremonies: each code works once.
CREATE TABLE one_time_codes (
    code_hash   BYTEA PRIMARY KEY,
    purpose     TEXT COLLATE "C" NOT NULL,
    subject     TEXT COLLATE "C" NOT NULL,            -- what it was made for, as JSON
    expires_at  BIGINT NOT NULL
);

CREATE INDEX one_time_codes_expiring ON one_time_codes (expires_at);

-- How often somebody tried to sign in, by address and by e-mail.
CREATE TABLE attempts (
    attempt_key  BYTEA PRIMARY KEY,
    begun_at     BIGINT NOT NULL,
    tries        BIGINT NOT NULL
);

CREATE INDEX attempts_begun ON attempts (begun_at);

-- Mail that is to be sent; a job sends each.
CREATE TABLE outbox (
    mail_id     TEXT COLLATE "C" PRIMARY KEY,
    recipient   TEXT COLLATE "C" NOT NULL,
    subject     TEXT COLLATE "C" NOT NULL,
    body        TEXT COLLATE "C" NOT NULL,
    created_at  BIGINT NOT NULL,
    sent_at     BIGINT
);

CREATE INDEX outbox_made ON outbox (created_at);
CREATE INDEX jobs_of_kind ON jobs (kind, job_id);

ALTER TABLE accounts ADD COLUMN organisation_id TEXT COLLATE "C";
CREATE INDEX accounts_of_organisation ON accounts (organisation_id, name);
ALTER TABLE operators ADD COLUMN role TEXT COLLATE "C" NOT NULL DEFAULT 'admin';
