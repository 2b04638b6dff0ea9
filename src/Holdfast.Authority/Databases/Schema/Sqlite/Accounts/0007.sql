-- A move of an account to another store (Moving/): while its rows come in, whose and how far. The attempt stays when the account is gone: what an older one still has under way finds no place.
ALTER TABLE fence ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0;
ALTER TABLE fence ADD COLUMN mover TEXT;
ALTER TABLE fence ADD COLUMN position_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE fence ADD COLUMN position_key TEXT;

-- Rows in the order of their versions. PostgreSQL makes such indexes beside its writers, when a move needs them; here writers would wait, so they are there.
CREATE INDEX devices_versions ON devices (account_id, version, computer);
CREATE INDEX log_versions ON log (account_id, version, sequence);
CREATE INDEX keyrings_versions ON keyrings (account_id, version, keyring_version);
CREATE INDEX sessions_versions ON sessions (account_id, version, session);
CREATE INDEX objects_versions ON objects (account_id, version, number);
CREATE INDEX snapshots_versions ON snapshots (account_id, version, head_id);
CREATE INDEX snapshot_pages_versions ON snapshot_pages (account_id, version, head_id, page_index);
CREATE INDEX forwards_versions ON forwards (account_id, version, origin_number, origin_slot);
CREATE INDEX collected_versions ON collected (account_id, version, collection_number, pack, frame);
CREATE INDEX proofs_versions ON proofs (account_id, version, kind, number);
CREATE INDEX account_usage_versions ON account_usage (account_id, version, day);
