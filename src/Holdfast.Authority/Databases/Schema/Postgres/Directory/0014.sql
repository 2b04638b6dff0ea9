-- Who pays for an account, and what they owe: the sum of their invoices less what they paid, minor units; changed with each of both. An account without a row is nobody's but its operator's, and pays like one with empty details.
CREATE TABLE customers (
    account_id     BYTEA PRIMARY KEY,
    account        TEXT COLLATE "C" NOT NULL,         -- its name, as it was last
    details        TEXT COLLATE "C" NOT NULL,         -- JSON
    currency       TEXT COLLATE "C",                  -- of all invoices; null before the first
    balance        BIGINT NOT NULL,
    oldest_due     BIGINT,                            -- the last day to pay the oldest open invoice in time; null if none is open
    dunning        BIGINT NOT NULL,                   -- 0 none, 1 reminded, 2 warned, 3 backups paused
    overdue_days   BIGINT NOT NULL,                   -- on which the service ran
    day_seen       BIGINT NOT NULL,
    card           TEXT COLLATE "C",                  -- whom and what the payment provider knows it as
    charge         TEXT COLLATE "C",                  -- a charge of the card that was begun and has not ended
    charge_invoice BIGINT NOT NULL DEFAULT 0,         -- the last invoice when the card was charged last, how often since, and on which day
    charge_tries   BIGINT NOT NULL DEFAULT 0,
    charge_day     BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX customers_overdue ON customers (account_id) WHERE oldest_due IS NOT NULL OR dunning > 0;
CREATE INDEX customers_by_card ON customers (account_id) WHERE card IS NOT NULL OR charge IS NOT NULL;

-- What was issued, for ever and as it was printed. Numbers have no gap: the end's row is locked first.
CREATE TABLE invoices (
    number         BIGINT PRIMARY KEY,
    account_id     BYTEA NOT NULL,
    month          TEXT COLLATE "C" NOT NULL,
    currency       TEXT COLLATE "C" NOT NULL,
    total          BIGINT NOT NULL,
    issued_at      BIGINT NOT NULL,
    due_day        BIGINT NOT NULL,
    document       TEXT COLLATE "C" NOT NULL,         -- JSON
    UNIQUE (account_id, month)
);

CREATE TABLE invoice_end (
    one     BIGINT PRIMARY KEY CHECK (one = 1),
    number  BIGINT NOT NULL,
    issued_until  TEXT COLLATE "C",                   -- the last month of which invoices were issued
    confirmed     TEXT COLLATE "C",                   -- a month that an operator said is to be issued
    is_held       BIGINT NOT NULL DEFAULT 0      -- restored from a copy: what was issued, charged and paid since is not known
);

INSERT INTO invoice_end (one, number) VALUES (1, 0);

-- Who could not be billed for a month, and why: tried again until they can.
CREATE TABLE invoices_left (
    account_id     BYTEA NOT NULL,
    month          TEXT COLLATE "C" NOT NULL,
    reason         TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, month)
);

-- What was paid (less than nothing: paid back). The same payment told twice is one.
CREATE TABLE payments (
    payment_id   TEXT COLLATE "C" PRIMARY KEY,
    account_id   BYTEA NOT NULL,
    currency     TEXT COLLATE "C" NOT NULL,
    amount       BIGINT NOT NULL,
    day          BIGINT NOT NULL,
    method       TEXT COLLATE "C" NOT NULL,           -- transfer | card
    recorded_by  TEXT COLLATE "C" NOT NULL,
    recorded_at  BIGINT NOT NULL
);

CREATE INDEX payments_of ON payments (account_id, payment_id);

-- When the service was not there.
CREATE TABLE outages (
    outage_id    TEXT COLLATE "C" PRIMARY KEY,        -- rises with time of recording
    from_at      BIGINT NOT NULL,
    until_at     BIGINT NOT NULL,
    reason       TEXT COLLATE "C" NOT NULL,
    recorded_by  TEXT COLLATE "C" NOT NULL
);

CREATE INDEX outages_until ON outages (until_at);

-- Backups are paused because somebody does not pay (seconds since 1970). Restores go on.
ALTER TABLE accounts ADD COLUMN overdue_at BIGINT;

CREATE INDEX account_plans_from ON account_plans (from_day);

-- The last invoices of an account that is closed were issued.
ALTER TABLE closures ADD COLUMN is_billed BIGINT NOT NULL DEFAULT 0;

-- In which language mail is written.
ALTER TABLE outbox ADD COLUMN language TEXT COLLATE "C" NOT NULL DEFAULT 'en';
