-- A suspended account backs up nothing; restores go on. Seconds since 1970.
ALTER TABLE accounts ADD COLUMN suspended_at BIGINT;
