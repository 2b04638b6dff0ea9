-- What an account used, from a day on (days since 1970) until the next row.
CREATE TABLE account_usage (
    account_id  BLOB NOT NULL,
    day         INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    objects     INTEGER NOT NULL,
    snapshots   INTEGER NOT NULL,
    computers   INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    deleted     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, day)
) WITHOUT ROWID;

-- The name that the directory calls this store: a configuration that exchanges two stores is found out.
CREATE TABLE store_marks (
    name   TEXT PRIMARY KEY,
    value  TEXT NOT NULL
) WITHOUT ROWID;

-- What a crash kept from the pod is looked for at every start.
CREATE INDEX snapshots_unplaced ON snapshots (account_id) WHERE on_pod = 0;
CREATE INDEX log_unplaced ON log (account_id) WHERE on_pod = 0;
CREATE INDEX keyrings_unplaced ON keyrings (account_id) WHERE on_pod = 0;
