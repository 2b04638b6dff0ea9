-- How much accounts may store, and computers of theirs (computer 0 is the account itself). An account without a row has its plan's quota; null is no limit, whatever the plan says.
CREATE TABLE quotas (
    account_id  BYTEA NOT NULL,
    computer    BIGINT NOT NULL,
    bytes       BIGINT,
    PRIMARY KEY (account_id, computer)
);

-- A limit of one computer of its account.
ALTER TABLE throttles ADD COLUMN computer BIGINT;

-- What the operator is told of, and was. One of a kind and subject is open at a time.
CREATE TABLE alerts (
    alert_id     TEXT COLLATE "C" PRIMARY KEY,        -- rises with time of raising
    kind         TEXT COLLATE "C" NOT NULL,
    subject      TEXT COLLATE "C" NOT NULL,
    severity     TEXT COLLATE "C" NOT NULL,           -- warning | critical
    message      TEXT COLLATE "C" NOT NULL,
    raised_at    BIGINT NOT NULL,
    seen_at      BIGINT NOT NULL,                     -- when it was found last
    told_at      BIGINT,                              -- null: it may pass by itself
    resolved_at  BIGINT
);

CREATE UNIQUE INDEX alerts_open ON alerts (kind, subject) WHERE resolved_at IS NULL;
CREATE INDEX alerts_over ON alerts (resolved_at) WHERE resolved_at IS NOT NULL;
CREATE INDEX jobs_stuck ON jobs (kind) WHERE state IN ('waiting', 'running') AND attempts >= 5;

-- Addresses of programs that are told what happens.
CREATE TABLE webhooks (
    webhook_id   TEXT COLLATE "C" PRIMARY KEY,
    url          TEXT COLLATE "C" NOT NULL,
    secret       TEXT COLLATE "C" NOT NULL,           -- signs what is sent; not a password of anything here
    topics       TEXT COLLATE "C" NOT NULL,           -- each between spaces
    account_id   BYTEA,                               -- only of this account
    created_at   BIGINT NOT NULL,
    taken_at     BIGINT,                              -- when it took something last
    failure      TEXT COLLATE "C",                    -- why the last thing was given up
    tries        BIGINT NOT NULL DEFAULT 0,           -- that it took nothing, one after the other
    paused_until BIGINT NOT NULL DEFAULT 0            -- nothing is sent before
);

-- What webhooks are to be told, and were.
CREATE TABLE deliveries (
    delivery_id  TEXT COLLATE "C" PRIMARY KEY,
    webhook_id   TEXT COLLATE "C" NOT NULL,
    body         TEXT COLLATE "C" NOT NULL,
    created_at   BIGINT NOT NULL,
    sent_at      BIGINT
);

CREATE INDEX deliveries_made ON deliveries (created_at);

-- What owners were told of computers that need looking after, and of quotas: how bad it was, and since when.
CREATE TABLE notices (
    account_id   BYTEA NOT NULL,
    computer     BIGINT NOT NULL,                     -- 0: the account itself
    topic        TEXT COLLATE "C" NOT NULL,           -- missing | failed | quota
    since        BIGINT NOT NULL,
    level        BIGINT NOT NULL,
    told_at      BIGINT NOT NULL,
    PRIMARY KEY (account_id, computer, topic)
);

-- Mail that people may do without: the token in it takes them off, and is made with the first.
CREATE TABLE mail_choices (
    person_id    TEXT COLLATE "C" NOT NULL,
    topic        TEXT COLLATE "C" NOT NULL,
    token        TEXT COLLATE "C" NOT NULL UNIQUE,
    is_off       BIGINT NOT NULL,
    PRIMARY KEY (person_id, topic)
);

ALTER TABLE outbox ADD COLUMN unsubscribe TEXT COLLATE "C";   -- the token
ALTER TABLE outbox ADD COLUMN bounced_at BIGINT;              -- the mail server will not take it for this address
ALTER TABLE outbox ADD COLUMN failure TEXT COLLATE "C";

CREATE INDEX outbox_bounced ON outbox (recipient) WHERE bounced_at IS NOT NULL;
CREATE INDEX outbox_of ON outbox (recipient, sent_at);

-- Restore drills of managed accounts, which restorers make: the latest of each. State: waiting | drilling | done.
CREATE TABLE drills (
    account_id   BYTEA PRIMARY KEY,
    state        TEXT COLLATE "C" NOT NULL,
    asked_at     BIGINT NOT NULL,
    ended_at     BIGINT,
    restorer     TEXT COLLATE "C",
    lease_until  BIGINT NOT NULL DEFAULT 0,
    token        BIGINT NOT NULL DEFAULT 0,           -- rises with each lease: whoever has an older one has lost it
    attempts     BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX drills_open ON drills (asked_at) WHERE state <> 'done';
CREATE INDEX drills_of ON drills (restorer, lease_until) WHERE state = 'drilling';

-- prepared: made by a restorer; shared: made and encrypted by a customer's computer, and kept by a restorer.
ALTER TABLE prepared_restores ADD COLUMN kind TEXT COLLATE "C" NOT NULL DEFAULT 'prepared';
ALTER TABLE prepared_restores ADD COLUMN days BIGINT NOT NULL DEFAULT 0;     -- for how many it is kept, if it is shared
