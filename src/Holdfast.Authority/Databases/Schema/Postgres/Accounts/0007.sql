-- A move of an account to another store (Moving/): while its rows come in, whose and how far. The attempt stays when the account is gone: what an older one still has under way finds no place.
-- Rows are found by version through indexes that a move makes for its time (Moving/VersionIndexes.cs): kept always, each would cost every write.
ALTER TABLE fence ADD COLUMN attempt BIGINT NOT NULL DEFAULT 0;
ALTER TABLE fence ADD COLUMN mover TEXT COLLATE "C";
ALTER TABLE fence ADD COLUMN position_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE fence ADD COLUMN position_key TEXT COLLATE "C";
