-- What a session was given and did not use: its commit gives it up, and must not look at all that the account has.
CREATE INDEX objects_unused ON objects (account_id, session) WHERE state = 'granted' AND receipt IS NULL;

-- The latest sessions of a computer.
CREATE INDEX sessions_of_computer ON sessions (account_id, computer, session);
