-- Limits that operators set on backups and restores, each for a while. Those that ended are tidied away.
CREATE TABLE throttles (
    id          TEXT COLLATE "C" PRIMARY KEY,
    account_id  BYTEA,
    class       TEXT COLLATE "C" NOT NULL,
    is_shared   BIGINT NOT NULL,
    bytes_per_second BIGINT,
    at_once     BIGINT,
    from_time   TEXT COLLATE "C",
    to_time     TEXT COLLATE "C",
    zone        TEXT COLLATE "C",
    starts_at   BIGINT NOT NULL,
    ends_at     BIGINT NOT NULL,
    reason      TEXT COLLATE "C"
);
CREATE INDEX throttles_ends ON throttles (ends_at);
