-- What accounts cost (Billing/). The terms of a plan never change: other terms are another version, and who has the former one keeps it.
CREATE TABLE plans (
    name        TEXT NOT NULL,
    version     INTEGER NOT NULL,
    terms       TEXT NOT NULL,            -- JSON, as it was handed in
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (name, version)
);

-- Which plan an account has from a day on (since 1970, UTC); before the first it costs nothing.
CREATE TABLE account_plans (
    account_id  BLOB NOT NULL,
    from_day    INTEGER NOT NULL,
    plan        TEXT NOT NULL,
    version     INTEGER NOT NULL,
    PRIMARY KEY (account_id, from_day)
);
