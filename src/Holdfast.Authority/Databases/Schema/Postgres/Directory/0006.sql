-- Accounts that are being closed (closes_at, seconds since 1970), and the record of each that was: what there was of it, who wanted it, and when it was gone.
ALTER TABLE accounts ADD COLUMN closes_at BIGINT;

CREATE TABLE closures (
    account_id    BYTEA PRIMARY KEY,
    name          TEXT COLLATE "C" NOT NULL,
    asked_by      TEXT COLLATE "C" NOT NULL,
    asked_at      BIGINT NOT NULL,
    closes_at     BIGINT NOT NULL,
    deleted_at    BIGINT,             -- its keyrings and rows are gone, and nothing of it can be found
    wiped_at      BIGINT,             -- no drive of the pod has any of it
    records_left  BIGINT,             -- on drives, to be wiped
    objects       BIGINT NOT NULL DEFAULT 0,
    bytes         BIGINT NOT NULL DEFAULT 0,
    snapshots     BIGINT NOT NULL DEFAULT 0,
    computers     BIGINT NOT NULL DEFAULT 0
);

-- The databases were restored from a copy: until it was compared with the pod, an account backs up nothing, and nothing of it is condemned.
ALTER TABLE accounts ADD COLUMN reconciling BIGINT NOT NULL DEFAULT 0;
CREATE INDEX accounts_reconciling ON accounts (account_id) WHERE reconciling = 1;

-- Changes that may be asked for again: what was answered, sealed under the request's own key and token.
CREATE TABLE idempotency_keys (
    key_id        BYTEA PRIMARY KEY,
    request_hash  BYTEA NOT NULL,
    begun_at      BIGINT NOT NULL,
    status        BIGINT,
    content_type  TEXT COLLATE "C",
    answer        BYTEA
);

CREATE INDEX idempotency_keys_begun ON idempotency_keys (begun_at);

-- Public keys of the operator's escrow keys, the newest in use; and the one (by its fingerprint) that opens an account whose owner agreed to that.
CREATE TABLE escrow_keys (
    fingerprint  TEXT COLLATE "C" PRIMARY KEY,
    public_key   BYTEA NOT NULL,
    created_at   BIGINT NOT NULL
);

ALTER TABLE accounts ADD COLUMN escrow_key TEXT COLLATE "C";
CREATE INDEX accounts_in_escrow ON accounts (escrow_key, name) WHERE escrow_key IS NOT NULL;

CREATE INDEX closures_open ON closures (account_id) WHERE wiped_at IS NULL;
