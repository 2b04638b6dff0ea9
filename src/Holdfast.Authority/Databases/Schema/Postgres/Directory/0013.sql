-- What accounts cost (Billing/). The terms of a plan never change: other terms are another version, and who has the former one keeps it.
CREATE TABLE plans (
    name        TEXT COLLATE "C" NOT NULL,
    version     BIGINT NOT NULL,
    terms       TEXT COLLATE "C" NOT NULL,            -- JSON, as it was handed in
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (name, version)
);

-- Which plan an account has from a day on (since 1970, UTC); before the first it costs nothing.
CREATE TABLE account_plans (
    account_id  BYTEA NOT NULL,
    from_day    BIGINT NOT NULL,
    plan        TEXT COLLATE "C" NOT NULL,
    version     BIGINT NOT NULL,
    PRIMARY KEY (account_id, from_day)
);
