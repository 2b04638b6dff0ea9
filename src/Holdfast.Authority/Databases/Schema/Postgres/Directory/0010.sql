-- Changes of permissions that an operator asked for: what, of which tree, with how many threads; the job of the tree says how far it is.
CREATE TABLE permission_changes (
    tree        TEXT COLLATE "C" PRIMARY KEY,
    number      BIGINT NOT NULL,
    settings    TEXT COLLATE "C" NOT NULL,
    is_dry      BIGINT NOT NULL,
    threads     BIGINT NOT NULL,
    asked_at    BIGINT NOT NULL,
    node        TEXT COLLATE "C"               -- which began it: the tree and the journal are there
);

-- What long work really took: what the next is estimated by.
CREATE TABLE actuals (
    id          TEXT COLLATE "C" PRIMARY KEY,
    kind        TEXT COLLATE "C" NOT NULL,
    subject     TEXT COLLATE "C" NOT NULL,
    ended_at    BIGINT NOT NULL,
    volume      BIGINT NOT NULL,
    changed     BIGINT NOT NULL,
    milliseconds BIGINT NOT NULL,
    threads     BIGINT NOT NULL,
    medium      TEXT COLLATE "C" NOT NULL
);
