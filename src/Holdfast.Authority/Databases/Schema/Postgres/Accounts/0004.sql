-- A computer that is not used any more: its snapshots stay, its token does not count, and nobody waits for its backups. Seconds since 1970.
ALTER TABLE devices ADD COLUMN retired_at BIGINT;
