-- How long backups take a computer: who needs long is let in early when everybody comes back.
ALTER TABLE sessions ADD COLUMN opened_at BIGINT;
ALTER TABLE devices ADD COLUMN last_seconds BIGINT;
