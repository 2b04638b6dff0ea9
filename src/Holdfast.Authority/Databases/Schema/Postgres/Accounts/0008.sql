-- Why the last backup that was begun did not end, as its computer said.
ALTER TABLE devices ADD COLUMN failed_at BIGINT;
ALTER TABLE devices ADD COLUMN failure TEXT COLLATE "C";

-- Proofs that found damage are few.
CREATE INDEX proofs_damaged ON proofs (account_id, kind, number) WHERE damages > 0;
