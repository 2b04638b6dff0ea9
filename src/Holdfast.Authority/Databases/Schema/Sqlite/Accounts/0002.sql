-- How many frames of a map page a rebuild found nowhere. Such a page spares nothing: a commit checks every frame of it again.
ALTER TABLE snapshot_pages ADD COLUMN lacking INTEGER NOT NULL DEFAULT 0;

CREATE INDEX snapshot_pages_number ON snapshot_pages (account_id, page_number);

-- Proofs that what is stored can be read: verifications by the service, which reads every frame of every snapshot, and restore drills by computers, which open files.
CREATE TABLE proofs (
    account_id  BLOB NOT NULL,
    kind        TEXT NOT NULL,         -- verification | drill
    number      INTEGER NOT NULL,
    computer    INTEGER,               -- drills: who restored
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER NOT NULL,
    snapshots   INTEGER NOT NULL,
    objects     INTEGER NOT NULL,      -- drills: files
    bytes       INTEGER NOT NULL,
    damages     INTEGER NOT NULL,
    evidence    TEXT NOT NULL,         -- what was damaged; drills: what the computer signed
    version     INTEGER NOT NULL,
    deleted     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, kind, number)
) WITHOUT ROWID;
