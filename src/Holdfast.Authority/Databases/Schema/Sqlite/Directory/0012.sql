-- Whether this database is the service's directory (DirectoryMoving/DirectoryState.cs), and where it is moving to or from. Every write to the directory looks at this row; it never moves itself.
CREATE TABLE directory_home (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    id       TEXT NOT NULL,               -- of this database; empty until it was opened
    state    TEXT NOT NULL,               -- new | home | moving | frozen | left | incoming | sealed
    epoch    INTEGER NOT NULL,
    attempt  INTEGER NOT NULL,
    other    TEXT,                        -- the id of the database that it moves to, or from
    mover    TEXT
);
INSERT INTO directory_home (one, id, state, epoch, attempt) VALUES (1, '', 'new', 0, 0);

-- What a node can do, so that nothing is begun that some node could not go along with.
ALTER TABLE gate_nodes ADD COLUMN schemas TEXT NOT NULL DEFAULT '';
ALTER TABLE gate_nodes ADD COLUMN stores TEXT NOT NULL DEFAULT '';
ALTER TABLE gate_nodes ADD COLUMN next_directory TEXT;
ALTER TABLE gate_nodes ADD COLUMN stopped_at INTEGER NOT NULL DEFAULT 0;
