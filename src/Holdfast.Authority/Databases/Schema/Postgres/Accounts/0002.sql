-- How many frames of a map page a rebuild found nowhere. Such a page spares nothing: a commit checks every frame of it again.
ALTER TABLE snapshot_pages ADD COLUMN lacking BIGINT NOT NULL DEFAULT 0;

CREATE INDEX snapshot_pages_number ON snapshot_pages (account_id, page_number);

-- Proofs that what is stored can be read: verifications by the service, which reads every frame of every snapshot, and restore drills by computers, which open files.
CREATE TABLE proofs (
    account_id  BYTEA NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL,         -- verification | drill
    number      BIGINT NOT NULL,
    computer    BIGINT,               -- drills: who restored
    started_at  BIGINT NOT NULL,
    ended_at    BIGINT NOT NULL,
    snapshots   BIGINT NOT NULL,
    objects     BIGINT NOT NULL,      -- drills: files
    bytes       BIGINT NOT NULL,
    damages     BIGINT NOT NULL,
    evidence    TEXT COLLATE "C" NOT NULL,         -- what was damaged; drills: what the computer signed
    version     BIGINT NOT NULL,
    deleted     BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, kind, number)
);
