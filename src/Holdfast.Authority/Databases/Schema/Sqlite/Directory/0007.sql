-- The databases were restored from a copy: until it was compared with the pod, an account backs up nothing, and nothing of it is condemned.
ALTER TABLE accounts ADD COLUMN reconciling INTEGER NOT NULL DEFAULT 0;
CREATE INDEX accounts_reconciling ON accounts (account_id) WHERE reconciling = 1;
