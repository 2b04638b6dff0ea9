-- Who pays for an account, and what they owe: the sum of their invoices less what they paid, minor units; changed with each of both. An account without a row is nobody's but its operator's, and pays like one with empty details.
CREATE TABLE customers (
    account_id     BLOB PRIMARY KEY,
    account        TEXT NOT NULL,         -- its name, as it was last
    details        TEXT NOT NULL,         -- JSON
    currency       TEXT,                  -- of all invoices; null before the first
    balance        INTEGER NOT NULL,
    oldest_due     INTEGER,                            -- the last day to pay the oldest open invoice in time; null if none is open
    dunning        INTEGER NOT NULL,                   -- 0 none, 1 reminded, 2 warned, 3 backups paused
    overdue_days   INTEGER NOT NULL,                   -- on which the service ran
    day_seen       INTEGER NOT NULL,
    card           TEXT,                  -- whom and what the payment provider knows it as
    charge         TEXT,                  -- a charge of the card that was begun and has not ended
    charge_invoice INTEGER NOT NULL DEFAULT 0,         -- the last invoice when the card was charged last, how often since, and on which day
    charge_tries   INTEGER NOT NULL DEFAULT 0,
    charge_day     INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX customers_overdue ON customers (account_id) WHERE oldest_due IS NOT NULL OR dunning > 0;
CREATE INDEX customers_by_card ON customers (account_id) WHERE card IS NOT NULL OR charge IS NOT NULL;

-- What was issued, for ever and as it was printed. Numbers have no gap: the end's row is locked first.
CREATE TABLE invoices (
    number         INTEGER PRIMARY KEY,
    account_id     BLOB NOT NULL,
    month          TEXT NOT NULL,
    currency       TEXT NOT NULL,
    total          INTEGER NOT NULL,
    issued_at      INTEGER NOT NULL,
    due_day        INTEGER NOT NULL,
    document       TEXT NOT NULL,         -- JSON
    UNIQUE (account_id, month)
);

CREATE TABLE invoice_end (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    number  INTEGER NOT NULL,
    issued_until  TEXT,                   -- the last month of which invoices were issued
    confirmed     TEXT,                   -- a month that an operator said is to be issued
    is_held       INTEGER NOT NULL DEFAULT 0      -- restored from a copy: what was issued, charged and paid since is not known
);

INSERT INTO invoice_end (one, number) VALUES (1, 0);

-- Who could not be billed for a month, and why: tried again until they can.
CREATE TABLE invoices_left (
    account_id     BLOB NOT NULL,
    month          TEXT NOT NULL,
    reason         TEXT NOT NULL,
    PRIMARY KEY (account_id, month)
);

-- What was paid (less than nothing: paid back). The same payment told twice is one.
CREATE TABLE payments (
    payment_id   TEXT PRIMARY KEY,
    account_id   BLOB NOT NULL,
    currency     TEXT NOT NULL,
    amount       INTEGER NOT NULL,
    day          INTEGER NOT NULL,
    method       TEXT NOT NULL,           -- transfer | card
    recorded_by  TEXT NOT NULL,
    recorded_at  INTEGER NOT NULL
);

CREATE INDEX payments_of ON payments (account_id, payment_id);

-- When the service was not there.
CREATE TABLE outages (
    outage_id    TEXT PRIMARY KEY,        -- rises with time of recording
    from_at      INTEGER NOT NULL,
    until_at     INTEGER NOT NULL,
    reason       TEXT NOT NULL,
    recorded_by  TEXT NOT NULL
);

CREATE INDEX outages_until ON outages (until_at);

-- Backups are paused because somebody does not pay (seconds since 1970). Restores go on.
ALTER TABLE accounts ADD COLUMN overdue_at INTEGER;

CREATE INDEX account_plans_from ON account_plans (from_day);

-- The last invoices of an account that is closed were issued.
ALTER TABLE closures ADD COLUMN is_billed INTEGER NOT NULL DEFAULT 0;

-- In which language mail is written.
ALTER TABLE outbox ADD COLUMN language TEXT NOT NULL DEFAULT 'en';
