-- Limits that operators set on backups and restores, each for a while. Those that ended are tidied away.
CREATE TABLE throttles (
    id          TEXT PRIMARY KEY,
    account_id  BLOB,
    class       TEXT NOT NULL,
    is_shared   INTEGER NOT NULL,
    bytes_per_second INTEGER,
    at_once     INTEGER,
    from_time   TEXT,
    to_time     TEXT,
    zone        TEXT,
    starts_at   INTEGER NOT NULL,
    ends_at     INTEGER NOT NULL,
    reason      TEXT
) WITHOUT ROWID;
CREATE INDEX throttles_ends ON throttles (ends_at);
