-- What an account used, from a day on (days since 1970) until the next row.
CREATE TABLE account_usage (
    account_id  BYTEA NOT NULL,
    day         BIGINT NOT NULL,
    bytes       BIGINT NOT NULL,
    objects     BIGINT NOT NULL,
    snapshots   BIGINT NOT NULL,
    computers   BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    deleted     BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, day)
);

-- The name that the directory calls this store: a configuration that exchanges two stores is found out.
CREATE TABLE store_marks (
    name   TEXT COLLATE "C" PRIMARY KEY,
    value  TEXT COLLATE "C" NOT NULL
);

-- What a crash kept from the pod is looked for at every start.
CREATE INDEX snapshots_unplaced ON snapshots (account_id) WHERE on_pod = 0;
CREATE INDEX log_unplaced ON log (account_id) WHERE on_pod = 0;
CREATE INDEX keyrings_unplaced ON keyrings (account_id) WHERE on_pod = 0;
