-- An account store: everything that belongs to one account. Every key begins with account_id, every row carries the
-- version of the transaction that wrote it, and deletes leave tombstones, so that an account can move while it is used.

-- First statement of every write transaction: it excludes, fences and numbers (see Accounts/AccountStore.cs).
CREATE TABLE fence (
    account_id         BYTEA PRIMARY KEY,
    epoch              BIGINT NOT NULL,
    state              TEXT COLLATE "C" NOT NULL,
    next_version       BIGINT NOT NULL,
    next_number        BIGINT NOT NULL,
    next_computer      BIGINT NOT NULL,
    next_session       BIGINT NOT NULL,
    collection_number  BIGINT NOT NULL
);

CREATE TABLE devices (
    account_id      BYTEA NOT NULL,
    computer        BIGINT NOT NULL,
    name            TEXT COLLATE "C" NOT NULL,
    token_hash      BYTEA NOT NULL,
    rights          TEXT COLLATE "C" NOT NULL,     -- waiting | add | read
    revoked         BIGINT NOT NULL,
    request         BYTEA,
    approval        BYTEA,
    created_at      BIGINT NOT NULL,
    last_backup_at  BIGINT,
    version         BIGINT NOT NULL,
    deleted         BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, computer)
);

CREATE TABLE log (
    account_id  BYTEA NOT NULL,
    sequence    BIGINT NOT NULL,
    statement   BYTEA NOT NULL,
    on_pod      BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    deleted     BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, sequence)
);

CREATE TABLE keyrings (
    account_id       BYTEA NOT NULL,
    keyring_version  BIGINT NOT NULL,
    keyring          BYTEA NOT NULL,
    on_pod           BIGINT NOT NULL,
    version          BIGINT NOT NULL,
    deleted          BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, keyring_version)
);

CREATE TABLE sessions (
    account_id  BYTEA NOT NULL,
    session     BIGINT NOT NULL,
    computer    BIGINT NOT NULL,
    seen_at     BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    deleted     BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, session)
);

-- Everything with a number: packs, segments, snapshots, map pages. State: granted, live, condemned, deleting, deleted.
CREATE TABLE objects (
    account_id    BYTEA NOT NULL,
    number        BIGINT NOT NULL,
    session       BIGINT NOT NULL,
    computer      BIGINT NOT NULL,
    state         TEXT COLLATE "C" NOT NULL,
    touched       BIGINT NOT NULL,
    condemned_at  BIGINT,
    type          BIGINT,           -- from here on: known once a receipt is
    length        BIGINT,
    tables_offset BIGINT,
    frames        BIGINT,
    checksum      BYTEA,
    receipt       BYTEA,
    indexed       BIGINT NOT NULL DEFAULT 0,
    version       BIGINT NOT NULL,
    deleted       BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, number)
);

CREATE INDEX objects_unindexed ON objects (account_id, computer, number) WHERE indexed = 0 AND state IN ('granted', 'live');
CREATE INDEX objects_segments ON objects (account_id, number) WHERE type = 2 AND state = 'live';

CREATE TABLE snapshots (
    account_id   BYTEA NOT NULL,
    head_id      BYTEA NOT NULL,
    computer     BIGINT NOT NULL,
    sequence     BIGINT NOT NULL,
    number       BIGINT NOT NULL,
    state        TEXT COLLATE "C" NOT NULL,      -- live | expired | purged
    head         BYTEA NOT NULL,
    received_at  BIGINT NOT NULL,
    on_pod       BIGINT NOT NULL,
    version      BIGINT NOT NULL,
    deleted      BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, head_id)
);

CREATE UNIQUE INDEX snapshots_chain ON snapshots (account_id, computer, sequence);

CREATE TABLE snapshot_pages (
    account_id   BYTEA NOT NULL,
    head_id      BYTEA NOT NULL,
    page_index   BIGINT NOT NULL,
    page_number  BIGINT NOT NULL,
    page_hash    BYTEA NOT NULL,
    version      BIGINT NOT NULL,
    deleted      BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, head_id, page_index)
);

-- Where frames lie that compaction moved; all others lie where they were born.
CREATE TABLE forwards (
    account_id     BYTEA NOT NULL,
    origin_number  BIGINT NOT NULL,
    origin_slot    BIGINT NOT NULL,
    number         BIGINT NOT NULL,
    version        BIGINT NOT NULL,
    deleted        BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, origin_number, origin_slot)
);

-- Frames that were collected, so that index entries for them die.
CREATE TABLE collected (
    account_id         BYTEA NOT NULL,
    collection_number  BIGINT NOT NULL,
    pack               BIGINT NOT NULL,
    frame              BIGINT NOT NULL,
    version            BIGINT NOT NULL,
    deleted            BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, collection_number, pack, frame)
);
