-- Changes of permissions that an operator asked for: what, of which tree, with how many threads; the job of the tree says how far it is.
CREATE TABLE permission_changes (
    tree        TEXT PRIMARY KEY,
    number      INTEGER NOT NULL,
    settings    TEXT NOT NULL,
    is_dry      INTEGER NOT NULL,
    threads     INTEGER NOT NULL,
    asked_at    INTEGER NOT NULL,
    node        TEXT               -- which began it: the tree and the journal are there
) WITHOUT ROWID;

-- What long work really took: what the next is estimated by.
CREATE TABLE actuals (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    ended_at    INTEGER NOT NULL,
    volume      INTEGER NOT NULL,
    changed     INTEGER NOT NULL,
    milliseconds INTEGER NOT NULL,
    threads     INTEGER NOT NULL,
    medium      TEXT NOT NULL
) WITHOUT ROWID;
