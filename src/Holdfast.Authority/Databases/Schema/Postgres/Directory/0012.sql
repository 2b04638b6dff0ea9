-- Whether this database is the service's directory (DirectoryMoving/DirectoryState.cs), and where it is moving to or from. Every write to the directory looks at this row; it never moves itself.
CREATE TABLE directory_home (
    one      BIGINT PRIMARY KEY CHECK (one = 1),
    id       TEXT COLLATE "C" NOT NULL,               -- of this database; empty until it was opened
    state    TEXT COLLATE "C" NOT NULL,               -- new | home | moving | frozen | left | incoming | sealed
    epoch    BIGINT NOT NULL,
    attempt  BIGINT NOT NULL,
    other    TEXT COLLATE "C",                        -- the id of the database that it moves to, or from
    mover    TEXT COLLATE "C"
);
INSERT INTO directory_home (one, id, state, epoch, attempt) VALUES (1, '', 'new', 0, 0);

-- What a node can do, so that nothing is begun that some node could not go along with.
ALTER TABLE gate_nodes ADD COLUMN schemas TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE gate_nodes ADD COLUMN stores TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE gate_nodes ADD COLUMN next_directory TEXT COLLATE "C";
ALTER TABLE gate_nodes ADD COLUMN stopped_at BIGINT NOT NULL DEFAULT 0;
