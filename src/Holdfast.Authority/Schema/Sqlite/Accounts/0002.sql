-- How many frames of a map page were found nowhere, by a rebuild or a verification. Such a page spares nothing: a commit checks every frame of it again.
ALTER TABLE snapshot_pages ADD COLUMN lacking INTEGER NOT NULL DEFAULT 0;
