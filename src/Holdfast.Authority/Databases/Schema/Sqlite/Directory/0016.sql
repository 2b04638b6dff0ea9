-- How much accounts may store, and computers of theirs (computer 0 is the account itself). An account without a row has its plan's quota; null is no limit, whatever the plan says.
CREATE TABLE quotas (
    account_id  BLOB NOT NULL,
    computer    INTEGER NOT NULL,
    bytes       INTEGER,
    PRIMARY KEY (account_id, computer)
);

-- A limit of one computer of its account.
ALTER TABLE throttles ADD COLUMN computer INTEGER;

-- What the operator is told of, and was. One of a kind and subject is open at a time.
CREATE TABLE alerts (
    alert_id     TEXT PRIMARY KEY,        -- rises with time of raising
    kind         TEXT NOT NULL,
    subject      TEXT NOT NULL,
    severity     TEXT NOT NULL,           -- warning | critical
    message      TEXT NOT NULL,
    raised_at    INTEGER NOT NULL,
    seen_at      INTEGER NOT NULL,                     -- when it was found last
    told_at      INTEGER,                              -- null: it may pass by itself
    resolved_at  INTEGER
);

CREATE UNIQUE INDEX alerts_open ON alerts (kind, subject) WHERE resolved_at IS NULL;
CREATE INDEX alerts_over ON alerts (resolved_at) WHERE resolved_at IS NOT NULL;
CREATE INDEX jobs_stuck ON jobs (kind) WHERE state IN ('waiting', 'running') AND attempts >= 5;

-- Addresses of programs that are told what happens.
CREATE TABLE webhooks (
    webhook_id   TEXT PRIMARY KEY,
    url          TEXT NOT NULL,
    secret       TEXT NOT NULL,           -- signs what is sent; not a password of anything here
    topics       TEXT NOT NULL,           -- each between spaces
    account_id   BLOB,                               -- only of this account
    created_at   INTEGER NOT NULL,
    taken_at     INTEGER,                              -- when it took something last
    failure      TEXT,                    -- why the last thing was given up
    tries        INTEGER NOT NULL DEFAULT 0,           -- that it took nothing, one after the other
    paused_until INTEGER NOT NULL DEFAULT 0            -- nothing is sent before
);

-- What webhooks are to be told, and were.
CREATE TABLE deliveries (
    delivery_id  TEXT PRIMARY KEY,
    webhook_id   TEXT NOT NULL,
    body         TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    sent_at      INTEGER
);

CREATE INDEX deliveries_made ON deliveries (created_at);

-- What owners were told of computers that need looking after, and of quotas: how bad it was, and since when.
CREATE TABLE notices (
    account_id   BLOB NOT NULL,
    computer     INTEGER NOT NULL,                     -- 0: the account itself
    topic        TEXT NOT NULL,           -- missing | failed | quota
    since        INTEGER NOT NULL,
    level        INTEGER NOT NULL,
    told_at      INTEGER NOT NULL,
    PRIMARY KEY (account_id, computer, topic)
);

-- Mail that people may do without: the token in it takes them off, and is made with the first.
CREATE TABLE mail_choices (
    person_id    TEXT NOT NULL,
    topic        TEXT NOT NULL,
    token        TEXT NOT NULL UNIQUE,
    is_off       INTEGER NOT NULL,
    PRIMARY KEY (person_id, topic)
);

ALTER TABLE outbox ADD COLUMN unsubscribe TEXT;   -- the token
ALTER TABLE outbox ADD COLUMN bounced_at INTEGER;              -- the mail server will not take it for this address
ALTER TABLE outbox ADD COLUMN failure TEXT;

CREATE INDEX outbox_bounced ON outbox (recipient) WHERE bounced_at IS NOT NULL;
CREATE INDEX outbox_of ON outbox (recipient, sent_at);

-- Restore drills of managed accounts, which restorers make: the latest of each. State: waiting | drilling | done.
CREATE TABLE drills (
    account_id   BLOB PRIMARY KEY,
    state        TEXT NOT NULL,
    asked_at     INTEGER NOT NULL,
    ended_at     INTEGER,
    restorer     TEXT,
    lease_until  INTEGER NOT NULL DEFAULT 0,
    token        INTEGER NOT NULL DEFAULT 0,           -- rises with each lease: whoever has an older one has lost it
    attempts     INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX drills_open ON drills (asked_at) WHERE state <> 'done';
CREATE INDEX drills_of ON drills (restorer, lease_until) WHERE state = 'drilling';

-- prepared: made by a restorer; shared: made and encrypted by a customer's computer, and kept by a restorer.
ALTER TABLE prepared_restores ADD COLUMN kind TEXT NOT NULL DEFAULT 'prepared';
ALTER TABLE prepared_restores ADD COLUMN days INTEGER NOT NULL DEFAULT 0;     -- for how many it is kept, if it is shared
