-- How much accounts may store, and computers of theirs (computer 0 is the account itself). An account without a row has its plan's quota; null is no limit, whatever the plan says.
CREATE TABLE quotas (
    account_id  BYTEA NOT NULL,
    computer    BIGINT NOT NULL,
    bytes       BIGINT,
    PRIMARY KEY (account_id, computer)
);

-- A limit of one computer of its account.
ALTER TABLE throttles ADD COLUMN computer BIGINT;
