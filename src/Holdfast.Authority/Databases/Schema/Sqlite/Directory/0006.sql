-- Accounts that are being closed (closes_at, seconds since 1970), and the record of each that was: what there was of it, who wanted it, and when it was gone.
ALTER TABLE accounts ADD COLUMN closes_at INTEGER;

CREATE TABLE closures (
    account_id    BLOB PRIMARY KEY,
    name          TEXT NOT NULL,
    asked_by      TEXT NOT NULL,
    asked_at      INTEGER NOT NULL,
    closes_at     INTEGER NOT NULL,
    deleted_at    INTEGER,             -- its keyrings and rows are gone, and nothing of it can be found
    wiped_at      INTEGER,             -- no drive of the pod has any of it
    records_left  INTEGER,             -- on drives, to be wiped
    objects       INTEGER NOT NULL DEFAULT 0,
    bytes         INTEGER NOT NULL DEFAULT 0,
    snapshots     INTEGER NOT NULL DEFAULT 0,
    computers     INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- The databases were restored from a copy: until it was compared with the pod, an account backs up nothing, and nothing of it is condemned.
ALTER TABLE accounts ADD COLUMN reconciling INTEGER NOT NULL DEFAULT 0;
CREATE INDEX accounts_reconciling ON accounts (account_id) WHERE reconciling = 1;

-- Changes that may be asked for again: what was answered, sealed under the request's own key and token.
CREATE TABLE idempotency_keys (
    key_id        BLOB PRIMARY KEY,
    request_hash  BLOB NOT NULL,
    begun_at      INTEGER NOT NULL,
    status        INTEGER,
    content_type  TEXT,
    answer        BLOB
) WITHOUT ROWID;

CREATE INDEX idempotency_keys_begun ON idempotency_keys (begun_at);

-- Public keys of the operator's escrow keys, the newest in use; and the one (by its fingerprint) that opens an account whose owner agreed to that.
CREATE TABLE escrow_keys (
    fingerprint  TEXT PRIMARY KEY,
    public_key   BLOB NOT NULL,
    created_at   INTEGER NOT NULL
) WITHOUT ROWID;

ALTER TABLE accounts ADD COLUMN escrow_key TEXT;
CREATE INDEX accounts_in_escrow ON accounts (escrow_key, name) WHERE escrow_key IS NOT NULL;

CREATE INDEX closures_open ON closures (account_id) WHERE wiped_at IS NULL;
