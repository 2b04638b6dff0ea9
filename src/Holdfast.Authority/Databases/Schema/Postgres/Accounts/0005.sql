-- What a session was given and did not use: its commit gives it up, and must not look at all that the account has.
CREATE INDEX objects_unused ON objects (account_id, session) WHERE state = 'granted' AND receipt IS NULL;

-- The latest sessions of a computer.
CREATE INDEX sessions_of_computer ON sessions (account_id, computer, session);

-- A computer adds backups and no more; somebody with the passphrase lets it read for a while (seconds since 1970). Clients that do not ask (0) read as they did.
ALTER TABLE devices ADD COLUMN asks_to_read BIGINT NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN reads_until BIGINT;

-- The computer whose place this one took: its history is this one's too.
ALTER TABLE devices ADD COLUMN replaces BIGINT;
