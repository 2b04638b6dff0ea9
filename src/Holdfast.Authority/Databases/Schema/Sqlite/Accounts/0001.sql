-- An account store: everything that belongs to one account. Every key begins with account_id, every row carries the
-- version of the transaction that wrote it, and deletes leave tombstones, so that an account can move while it is used.

-- First statement of every write transaction: it excludes, fences and numbers (see Accounts/AccountStore.cs).
CREATE TABLE fence (
    account_id         BLOB PRIMARY KEY,
    epoch              INTEGER NOT NULL,
    state              TEXT NOT NULL,
    next_version       INTEGER NOT NULL,
    next_number        INTEGER NOT NULL,
    next_computer      INTEGER NOT NULL,
    next_session       INTEGER NOT NULL,
    collection_number  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE devices (
    account_id      BLOB NOT NULL,
    computer        INTEGER NOT NULL,
    name            TEXT NOT NULL,
    token_hash      BLOB NOT NULL,
    rights          TEXT NOT NULL,     -- waiting | add | read
    revoked         INTEGER NOT NULL,
    request         BLOB,
    approval        BLOB,
    created_at      INTEGER NOT NULL,
    last_backup_at  INTEGER,
    version         INTEGER NOT NULL,
    deleted         INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, computer)
) WITHOUT ROWID;

CREATE TABLE log (
    account_id  BLOB NOT NULL,
    sequence    INTEGER NOT NULL,
    statement   BLOB NOT NULL,
    on_pod      INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    deleted     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, sequence)
) WITHOUT ROWID;

CREATE TABLE keyrings (
    account_id       BLOB NOT NULL,
    keyring_version  INTEGER NOT NULL,
    keyring          BLOB NOT NULL,
    on_pod           INTEGER NOT NULL,
    version          INTEGER NOT NULL,
    deleted          INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, keyring_version)
) WITHOUT ROWID;

CREATE TABLE sessions (
    account_id  BLOB NOT NULL,
    session     INTEGER NOT NULL,
    computer    INTEGER NOT NULL,
    seen_at     INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    deleted     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, session)
) WITHOUT ROWID;

-- Everything with a number: packs, segments, snapshots, map pages. State: granted, live, condemned, deleting, deleted.
CREATE TABLE objects (
    account_id    BLOB NOT NULL,
    number        INTEGER NOT NULL,
    session       INTEGER NOT NULL,
    computer      INTEGER NOT NULL,
    state         TEXT NOT NULL,
    touched       INTEGER NOT NULL,
    condemned_at  INTEGER,
    type          INTEGER,           -- from here on: known once a receipt is
    length        INTEGER,
    tables_offset INTEGER,
    frames        INTEGER,
    checksum      BLOB,
    receipt       BLOB,
    indexed       INTEGER NOT NULL DEFAULT 0,
    version       INTEGER NOT NULL,
    deleted       INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, number)
) WITHOUT ROWID;

CREATE INDEX objects_unindexed ON objects (account_id, computer, number) WHERE indexed = 0 AND state IN ('granted', 'live');
CREATE INDEX objects_segments ON objects (account_id, number) WHERE type = 2 AND state = 'live';

CREATE TABLE snapshots (
    account_id   BLOB NOT NULL,
    head_id      BLOB NOT NULL,
    computer     INTEGER NOT NULL,
    sequence     INTEGER NOT NULL,
    number       INTEGER NOT NULL,
    state        TEXT NOT NULL,      -- live | expired | purged
    head         BLOB NOT NULL,
    received_at  INTEGER NOT NULL,
    on_pod       INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    deleted      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, head_id)
) WITHOUT ROWID;

CREATE UNIQUE INDEX snapshots_chain ON snapshots (account_id, computer, sequence);

CREATE TABLE snapshot_pages (
    account_id   BLOB NOT NULL,
    head_id      BLOB NOT NULL,
    page_index   INTEGER NOT NULL,
    page_number  INTEGER NOT NULL,
    page_hash    BLOB NOT NULL,
    version      INTEGER NOT NULL,
    deleted      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, head_id, page_index)
) WITHOUT ROWID;

-- Where frames lie that compaction moved; all others lie where they were born.
CREATE TABLE forwards (
    account_id     BLOB NOT NULL,
    origin_number  INTEGER NOT NULL,
    origin_slot    INTEGER NOT NULL,
    number         INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    deleted        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, origin_number, origin_slot)
) WITHOUT ROWID;

-- Frames that were collected, so that index entries for them die.
CREATE TABLE collected (
    account_id         BLOB NOT NULL,
    collection_number  INTEGER NOT NULL,
    pack               INTEGER NOT NULL,
    frame              INTEGER NOT NULL,
    version            INTEGER NOT NULL,
    deleted            INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, collection_number, pack, frame)
) WITHOUT ROWID;
